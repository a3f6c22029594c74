/** Functions that others know by the name that their own stacks give them, so that no stack waits for another. */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';
import { type Access, accessBy } from './access.ts';

/** Of the function that decides how many workers a pool has. */
export function scalerName({ config: { name } }: Deployment): string {
  return `${name}-scaler`;
}

/** Of the function that asks addresses that tenants name. */
export function egressName({ config: { name } }: Deployment): string {
  return `${name}-egress`;
}

export function scalerByName(
  scope: Construct,
  deployment: Deployment,
): Access<{ readonly PILOTLIGHT_SCALER_FUNCTION: string }> {
  const functionName = scalerName(deployment);
  return accessBy({ PILOTLIGHT_SCALER_FUNCTION: functionName }, () => [invoking(scope, functionName)]);
}

export function egressByName(
  scope: Construct,
  deployment: Deployment,
): Access<{ readonly PILOTLIGHT_EGRESS_FUNCTION: string }> {
  const functionName = egressName(deployment);
  return accessBy({ PILOTLIGHT_EGRESS_FUNCTION: functionName }, () => [invoking(scope, functionName)]);
}

function invoking(scope: Construct, functionName: string): PolicyStatement {
  const arnFormat = ArnFormat.COLON_RESOURCE_NAME;
  const named = { service: 'lambda', resource: 'function', arnFormat, resourceName: functionName };
  return new PolicyStatement({
    actions: ['lambda:InvokeFunction'],
    resources: [Stack.of(scope).formatArn(named)],
  });
}
