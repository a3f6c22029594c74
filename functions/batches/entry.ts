/** The Lambda entry that works at batches: validates their files, feeds their lines as jobs, writes their results. */
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { parseEnv } from '#aws/env.ts';
import { outboundOnDemand, scalerOnDemand } from '#aws/lambda-on-demand.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import { createOutlooks } from '#core/flows/outlooks.ts';
import { batchesEnvSchema } from './env.ts';
import { createBatchesHandler } from './handler.ts';

const env = parseEnv(batchesEnvSchema, process.env);
const ports = createPortsOfProcess(env);
const catalog = await readCatalog(env.PILOTLIGHT_MODELS_DIR);
const functionName = env.PILOTLIGHT_SCALER_FUNCTION;
const scaler = scalerOnDemand({ region: env.AWS_REGION, functionName });
const outbound = outboundOnDemand({
  region: env.AWS_REGION,
  functionName: env.PILOTLIGHT_EGRESS_FUNCTION,
});
const outlooks = createOutlooks({ ...ports, catalog });

export const handler = createBatchesHandler({ ...ports, catalog, outbound, outlooks, scaler });
