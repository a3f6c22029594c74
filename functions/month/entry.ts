/** Closes the month that is due, once a day: a month that is closed already costs one query. */
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { costSettingsOf } from '#aws/cost-env.ts';
import { parseEnv } from '#aws/env.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import { closeMonth, dueMonth } from '#core/flows/close-month.ts';
import { monthEnvSchema } from './env.ts';

const env = parseEnv(monthEnvSchema, process.env);
const ports = createPortsOfProcess(env);
const catalog = await readCatalog(env.PILOTLIGHT_MODELS_DIR);
const costs = costSettingsOf(env, catalog);

export async function handler(): Promise<void> {
  await closeMonth({ ...ports, catalog, costs }, dueMonth(ports.clock.nowMs()));
}
