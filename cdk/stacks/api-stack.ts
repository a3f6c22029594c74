/** The front door: a REST API with a method for every row of the route table, and the functions behind it. */
import { CfnOutput, CustomResource, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { CostEnv } from '#aws/cost-env.ts';
import type { OidcEnv } from '#functions/api/env.ts';
import { accessBy } from '../constructs/access.ts';
import { acknowledge } from '../constructs/acknowledge.ts';
import { egressByName, egressName, scalerByName } from '../constructs/function-by-name.ts';
import { NodeFunction } from '../constructs/node-function.ts';
import { RestFrontDoor } from '../constructs/rest-front-door.ts';
import { secretsOf } from '../constructs/secrets.ts';
import { isTraced, Traces } from '../constructs/traces.ts';
import type { Deployment } from '../deployment.ts';
import { entries } from '../entries.ts';
import { instanceTypes } from '../instance-types.ts';
import { workersPerInstance } from '../pool-size.ts';
import type { DataStack } from './data-stack.ts';

export interface ApiStackProps extends StackProps {
  readonly deployment: Deployment;
  readonly data: DataStack;
}

export class ApiStack extends Stack {
  readonly api: NodeFunction;
  readonly streams: NodeFunction;
  readonly setup: NodeFunction;
  readonly egress: NodeFunction;
  readonly door: RestFrontDoor;

  constructor(scope: Construct, id: string, props: ApiStackProps) {
    const { deployment, data: _, ...rest } = props;
    super(scope, id, rest);
    this.api = this.apiFunction('Api', 'api', props);
    this.streams = this.apiFunction('Streams', 'streams', props);
    this.setup = this.setupFunction(props);
    this.egress = this.egressFunction(props);
    const setUp = this.setUp(props);
    for (const { lambda } of [this.api, this.streams]) {
      // Its secrets must be there before it answers anybody.
      lambda.node.addDependency(setUp);
      acknowledge(lambda, {
        'Serverless-LambdaDLQ':
          'API Gateway waits for the answer and passes on what failed: nothing is queued.',
      });
    }
    this.door = new RestFrontDoor(this, 'Door', {
      deployment,
      buffered: this.api.lambda,
      streamed: this.streams.lambda,
    });
    if (isTraced(deployment)) new Traces(this, 'Traces', { deployment });
  }

  private apiFunction(
    id: string,
    entry: 'api' | 'streams',
    { deployment, data }: ApiStackProps,
  ): NodeFunction {
    return new NodeFunction(this, id, {
      deployment,
      entry,
      accesses: [
        data.ports(entries[entry].operations),
        secretsOf(this, deployment).reads(['PILOTLIGHT_KEY_PEPPER', 'PILOTLIGHT_WEBHOOK_KEY']),
        scalerByName(this, deployment),
        egressByName(this, deployment),
      ],
      variables: { ...oidcVariables(deployment), ...costVariables(deployment) },
      isTraced: isTraced(deployment),
    });
  }

  private setupFunction({ deployment, data }: ApiStackProps): NodeFunction {
    const setup = new NodeFunction(this, 'Setup', {
      deployment,
      entry: 'setup',
      accesses: [
        data.ports(entries.setup.operations),
        secretsOf(this, deployment).makes(),
        deployment.config.onDestroy === 'delete' ? data.emptying() : accessBy({}, () => []),
      ],
      variables: {},
    });
    acknowledge(setup, {
      'Serverless-LambdaDLQ': 'What fails is told to CloudFormation, which waits for it.',
    });
    return setup;
  }

  /** With a role that may write its log and nothing else: whoever leads it astray is nowhere. */
  private egressFunction({ deployment }: ApiStackProps): NodeFunction {
    const egress = new NodeFunction(this, 'Egress', {
      deployment,
      entry: 'egress',
      functionName: egressName(deployment),
      accesses: [],
      variables: {},
    });
    acknowledge(egress, { 'Serverless-LambdaDLQ': 'Whoever asks waits for the answer: nothing is queued.' });
    return egress;
  }

  private setUp({ deployment }: ApiStackProps): CustomResource {
    new CfnOutput(this, 'OperatorKey', {
      value: secretsOf(this, deployment).operatorKeyName,
      description: "Name of the SSM parameter that holds the operator's first key",
    });
    return new CustomResource(this, 'SetUp', {
      resourceType: 'Custom::PilotlightSetUp',
      serviceToken: this.setup.lambda.functionArn,
      serviceTimeout: Duration.millis(2 * entries.setup.timeoutMs),
      properties: {
        plans: JSON.stringify(deployment.config.plans),
        onDestroy: deployment.config.onDestroy,
      },
    });
  }
}

function oidcVariables({ config: { oidc } }: Deployment): Partial<OidcEnv> {
  if (oidc === undefined) return {};
  return {
    PILOTLIGHT_OIDC_ISSUER: oidc.issuer,
    PILOTLIGHT_OIDC_AUDIENCE: oidc.audience,
    PILOTLIGHT_OIDC_JWKS_URL: oidc.jwksUrl,
    PILOTLIGHT_OIDC_TENANT_CLAIM: oidc.tenantClaim,
    PILOTLIGHT_OIDC_SCOPES: oidc.scopes.join(' '),
  };
}

/** What a worker costs an hour is its share of the instance: one of four cards holds four workers. */
export function costVariables({ config: { pools, pricing } }: Deployment): CostEnv {
  const prices = Object.entries(pools).map(([pool, own]) => {
    const { usdMicrosPerHour } = instanceTypes[own.instanceType];
    return [pool, Math.ceil(usdMicrosPerHour / workersPerInstance(own))] as const;
  });
  return {
    PILOTLIGHT_PRICING: pricing,
    PILOTLIGHT_INSTANCE_PRICES: JSON.stringify(Object.fromEntries(prices)),
  };
}
