/** Findings of cdk-nag that stand, each with its reason, beside the construct that they are about. */
import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** @param reasons by the id of the finding, such as `AwsSolutions-S1` or `AwsSolutions-IAM5[Resource::*]` */
export function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}

/** The id of cdk-nag's finding that a role may use everything that this ARN, with `*` in it, fits. */
export function wildcardFinding(scope: IConstruct, arn: string): string {
  return `AwsSolutions-IAM5[Resource::${flattened(Stack.of(scope).resolve(arn))}]`;
}

/** As cdk-nag writes the functions of CloudFormation. */
function flattened(value: unknown): string {
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join } = Object(value);
  if (Ref !== undefined) return `<${Ref}>`;
  if (attribute !== undefined) return `<${attribute.join('.')}>`;
  return join === undefined ? String(value) : join[1].map(flattened).join(join[0]);
}
