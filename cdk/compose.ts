/** Which stacks there are, and what each needs of the others. */
import { type App, type Environment, Tags } from 'aws-cdk-lib';
import type { Deployment } from './deployment.ts';
import { ApiStack } from './stacks/api-stack.ts';
import { ControlStack } from './stacks/control-stack.ts';
import { DataStack } from './stacks/data-stack.ts';
import { FleetStack } from './stacks/fleet-stack.ts';
import { ObservabilityStack } from './stacks/observability-stack.ts';

export interface Stacks {
  readonly data: DataStack;
  readonly api: ApiStack;
  readonly fleet: FleetStack;
  readonly control: ControlStack;
  readonly observability: ObservabilityStack;
}

export function composeStacks(app: App, deployment: Deployment): Stacks {
  const { config } = deployment;
  const env: Environment = {
    region: config.region,
    ...(config.account === undefined ? {} : { account: config.account }),
  };
  const props = { deployment, env };
  const data = new DataStack(app, `${config.name}-data`, props);
  const api = new ApiStack(app, `${config.name}-api`, { ...props, data });
  const control = new ControlStack(app, `${config.name}-control`, { ...props, data });
  const fleet = new FleetStack(app, `${config.name}-fleet`, { ...props, data, failures: control.failures });
  const observability = new ObservabilityStack(app, `${config.name}-observability`, {
    ...props,
    queues: data.queues.all,
    drops: data.drops,
    door: api.door,
    functions: [api.api, api.streams, api.setup, api.egress, ...control.functions, fleet.scaler.function],
    failures: control.failures,
    tables: data.records,
    pools: fleet.pools,
  });
  // Whoever takes a deployment down empties the bucket as the API's stack goes: nobody may write by then.
  control.addStackDependency(api);
  fleet.addStackDependency(api);
  Tags.of(app).add('pilotlight', config.name);
  return { data, api, fleet, control, observability };
}
