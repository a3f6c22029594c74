/** SDK clients of who runs the workers. Both answer in a fraction of a second, and a lost packet is tried again. */
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { ECSClient } from '@aws-sdk/client-ecs';
import { tellOutages } from './outage.ts';

const limits = { connectMs: 2_000, requestMs: 10_000, attemptsMax: 4 };

export interface FleetClients {
  readonly ecs: ECSClient;
  readonly autoScaling: AutoScalingClient;
  close(): void;
}

/** @param endpoint only for a stack that is not AWS */
export function createFleetClients(options: {
  readonly region: string;
  readonly endpoint?: string;
}): FleetClients {
  const { region, endpoint } = options;
  const common = {
    region,
    maxAttempts: limits.attemptsMax,
    ...(endpoint === undefined ? {} : { endpoint }),
    requestHandler: {
      connectionTimeout: limits.connectMs,
      requestTimeout: limits.requestMs,
      throwOnRequestTimeout: true,
    },
  };
  const ecs = new ECSClient(common);
  const autoScaling = new AutoScalingClient(common);
  tellOutages(ecs.middlewareStack, 'ecs');
  tellOutages(autoScaling.middlewareStack, 'autoscaling');
  return {
    ecs,
    autoScaling,
    close() {
      ecs.destroy();
      autoScaling.destroy();
    },
  };
}
