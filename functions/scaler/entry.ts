/** The scaler's Lambda entry: invoked to wake a pool, by events of ECS and EC2, and every minute. */
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { createEcsFleet } from '#aws/ecs-fleet.ts';
import { parseEnv } from '#aws/env.ts';
import { createFleetClients } from '#aws/fleet-clients.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import { measuredFleet } from '#core/observability/measured.ts';
import { scalerEnvSchema } from './env.ts';
import { createScalerHandler } from './handler.ts';

const env = parseEnv(scalerEnvSchema, process.env);
const config = env.PILOTLIGHT_FLEET;
const ports = createPortsOfProcess(env);
const catalog = await readCatalog(env.PILOTLIGHT_MODELS_DIR);
const clients = createFleetClients({ region: env.AWS_REGION });
const fleet = measuredFleet(createEcsFleet({ ...ports, ...clients, fleet: config }), ports);

export const handler = createScalerHandler({ ...ports, catalog, fleet, config });
