/** The sweep's Lambda entry, run every minute: what one run fails at, the next one finds. */
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { parseEnv } from '#aws/env.ts';
import { scalerOnDemand } from '#aws/lambda-on-demand.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import { sweep } from '#core/flows/sweep.ts';
import { tellSweep } from '#core/observability/tell-sweep.ts';
import { sweepEnvSchema } from './env.ts';

const env = parseEnv(sweepEnvSchema, process.env);
const ports = createPortsOfProcess(env);
const catalog = await readCatalog(env.PILOTLIGHT_MODELS_DIR);
const functionName = env.PILOTLIGHT_SCALER_FUNCTION;
const scaler = scalerOnDemand({ region: env.AWS_REGION, functionName });

export async function handler(): Promise<void> {
  tellSweep(ports.metrics, await sweep({ ...ports, catalog, scaler }));
}
