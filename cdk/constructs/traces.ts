/**
 * Of the requests of the API, so many in a hundred are traced by X-Ray; their jobs go on in the same trace. Without a rule of
 * its own, X-Ray records one request of every second and stage, which is all of them where there are few: $5 a million.
 */
import { CfnSamplingRule } from 'aws-cdk-lib/aws-xray';
import { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';
import { stageName } from './rest-front-door.ts';

/** Whether requests are traced at all. */
export function isTraced({ config }: Deployment): boolean {
  return config.traces.sampledPercent > 0;
}

export class Traces extends Construct {
  constructor(scope: Construct, id: string, { deployment }: { readonly deployment: Deployment }) {
    super(scope, id);
    const { name, traces } = deployment.config;
    new CfnSamplingRule(this, 'Rule', {
      samplingRule: {
        // The account's names, of 32 characters at most: two deployments have two.
        ruleName: name,
        // Before the account's default rule, which has 10,000.
        priority: 1_000,
        version: 1,
        serviceName: `${name}/${stageName}`,
        serviceType: 'AWS::ApiGateway::Stage',
        httpMethod: '*',
        urlPath: '*',
        host: '*',
        resourceArn: '*',
        reservoirSize: 0,
        fixedRate: traces.sampledPercent / 100,
      },
    });
  }
}
