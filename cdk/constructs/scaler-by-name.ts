/** The function that decides how many workers a pool has, as the API knows it: by the name that its own stack gives it. */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';
import { type Access, accessBy } from './access.ts';

/** The one function with a name of its own: the API must not wait for the stack that has it. */
export function scalerName({ config: { name } }: Deployment): string {
  return `${name}-scaler`;
}

export function scalerByName(
  scope: Construct,
  deployment: Deployment,
): Access<{ readonly PILOTLIGHT_SCALER_FUNCTION: string }> {
  const functionName = scalerName(deployment);
  return accessBy({ PILOTLIGHT_SCALER_FUNCTION: functionName }, () => [
    new PolicyStatement({
      actions: ['lambda:InvokeFunction'],
      resources: [
        Stack.of(scope).formatArn({
          service: 'lambda',
          resource: 'function',
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          resourceName: functionName,
        }),
      ],
    }),
  ]);
}
