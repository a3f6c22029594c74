/** What is deployed already, as the deployment's one function with a name of its own is told of it. */
import { DescribeServicesCommand, DescribeTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { GetFunctionConfigurationCommand, ResourceNotFoundException } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import type { Scene } from './scene.ts';

const fleetSchema = z.object({
  cluster: z.string(),
  pools: z.record(z.string(), z.object({ service: z.string() })),
});

const variablesSchema = z.object({
  PILOTLIGHT_BUCKET: z.string(),
  PILOTLIGHT_FLEET: z.string().transform((text) => fleetSchema.parse(JSON.parse(text))),
});

export interface Deployed {
  /** Of files and weights. */
  readonly bucket: string;
  readonly cluster: string;
  /** The ECS service of its workers, by pool. */
  readonly services: ReadonlyMap<string, string>;
}

/** Null before the first deployment. */
export async function readDeployed({ deployment, clients }: Scene): Promise<Deployed | null> {
  const FunctionName = `${deployment.config.name}-scaler`;
  try {
    const { Environment } = await clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const { PILOTLIGHT_BUCKET: bucket, PILOTLIGHT_FLEET: fleet } = variablesSchema.parse(
      Environment?.Variables,
    );
    const services = Object.entries(fleet.pools).map(([pool, { service }]) => [pool, service] as const);
    return { bucket, cluster: fleet.cluster, services: new Map(services) };
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return null;
    throw error;
  }
}

/** The image that ECS starts the next worker of the service from; null where there is no such service any more. */
export async function imageOf({ clients }: Scene, cluster: string, service: string): Promise<string | null> {
  const { services = [] } = await clients.ecs.send(
    new DescribeServicesCommand({ cluster, services: [service] }),
  );
  const taskDefinition = services.find(({ status }) => status === 'ACTIVE')?.taskDefinition;
  if (taskDefinition === undefined) return null;
  const { taskDefinition: named } = await clients.ecs.send(
    new DescribeTaskDefinitionCommand({ taskDefinition }),
  );
  // Both containers of a worker's task run one image.
  return named?.containerDefinitions?.[0]?.image ?? null;
}
