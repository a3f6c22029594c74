/**
 * Secrets of the platform: SecureString parameters of SSM below `/<name>/`, which CloudFormation cannot make and no template
 * holds. They are made by the first deployment and never replaced; a function that needs one is told its name.
 */
import { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';
import { type Access, accessBy } from './access.ts';

/** The last part of each parameter's name, by the variable that it is read into. */
const parameterNames = {
  PILOTLIGHT_KEY_PEPPER: 'key-pepper',
  PILOTLIGHT_WEBHOOK_KEY: 'webhook-key',
  PILOTLIGHT_OPERATOR_KEY: 'operator-key',
} as const;

export type SecretVariable = keyof typeof parameterNames;

const secretVariables = Object.keys(parameterNames) as readonly SecretVariable[];

type NamesOf<Variable extends string> = Readonly<Record<`${Variable}_PARAMETER`, string>>;

export interface Secrets {
  /** Reading these, and no others. */
  reads<const Variable extends SecretVariable>(variables: readonly Variable[]): Access<NamesOf<Variable>>;
  /** Making them where they are not there yet, and, of a deployment that leaves nothing, deleting them; of them the operator's key alone may be replaced. */
  makes(): Access<NamesOf<SecretVariable>>;
  /** Where the operator finds the first key. */
  readonly operatorKeyName: string;
}

/** @param scope in the stack whose functions read them */
export function secretsOf(scope: Construct, { config: { name, onDestroy } }: Deployment): Secrets {
  const nameOf = (variable: SecretVariable) => `/${name}/${parameterNames[variable]}`;
  const arnOf = (variable: SecretVariable) =>
    Stack.of(scope).formatArn({
      service: 'ssm',
      resource: 'parameter',
      resourceName: nameOf(variable).slice(1),
    });
  const named = <const Variable extends SecretVariable>(variables: readonly Variable[]) => {
    const names = variables.map((variable) => [`${variable}_PARAMETER`, nameOf(variable)] as const);
    // One name for each variable, as the type says.
    return Object.fromEntries(names) as NamesOf<Variable>;
  };
  const allow = (action: string, variables: readonly SecretVariable[], conditions = {}) =>
    new PolicyStatement({ actions: [action], resources: variables.map(arnOf), conditions });
  return {
    reads: (variables) => accessBy(named(variables), () => [allow('ssm:GetParameters', variables)]),
    makes: () =>
      accessBy(named(secretVariables), () => [
        allow('ssm:GetParameter', secretVariables),
        allow('ssm:PutParameter', ['PILOTLIGHT_OPERATOR_KEY']),
        // Another pepper would make every key invalid, another webhook key every signature.
        allow('ssm:PutParameter', ['PILOTLIGHT_KEY_PEPPER', 'PILOTLIGHT_WEBHOOK_KEY'], {
          StringEquals: { 'ssm:Overwrite': 'false' },
        }),
        ...(onDestroy === 'delete' ? [allow('ssm:DeleteParameter', secretVariables)] : []),
      ]),
    operatorKeyName: nameOf('PILOTLIGHT_OPERATOR_KEY'),
  };
}
