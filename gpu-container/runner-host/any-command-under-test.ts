/** A runner host whose engines are all the program that its first argument names, as JSON: what breaks, on purpose. */
import { parseEnv } from '#aws/env.ts';
import { createJsonLog } from '#aws/json-log.ts';
import { systemClock } from '#aws/system-clock.ts';
import { runnerHostEnvSchema } from './env.ts';
import { createLocalHost } from './local-host.ts';
import { serveHost } from './serve-host.ts';

const env = parseEnv(runnerHostEnvSchema, process.env);
const command: readonly string[] = JSON.parse(process.argv[2] ?? '[]');
await serveHost({
  host: createLocalHost({
    commandOf: () => command,
    device: env.PILOTLIGHT_DEVICE,
    scratchRoot: env.PILOTLIGHT_RUNNER_SCRATCH,
  }),
  socketPath: env.PILOTLIGHT_RUNNER_HOST,
  modelsDirs: [env.PILOTLIGHT_MODELS_DIR],
  log: createJsonLog(systemClock),
  stopping: new AbortController().signal,
});
