/** Entry of the container that has the card: starts runners for the worker beside it, or with a word asks whether it does. */
import { parseEnv } from '#aws/env.ts';
import { createJsonLog } from '#aws/json-log.ts';
import { systemClock } from '#aws/system-clock.ts';
import { StartError } from '#core/errors.ts';
import { runnerHostEnvSchema } from './env.ts';
import { isWell } from './host-health.ts';
import { createLocalHost } from './local-host.ts';
import { serveHost } from './serve-host.ts';

const help = `Usage: runner-host [COMMAND]

  (none)     start runners for one worker at a time, until SIGTERM; a worker that drains keeps its runners
  healthy    exit 0 while a runner host answers here

Everything else is by environment: docs/gpu-container.md lists the variables.`;

async function main([command]: readonly string[]): Promise<number> {
  switch (command) {
    case undefined:
      return serve();
    case 'healthy':
      return (await isWell(parseEnv(runnerHostEnvSchema, process.env).PILOTLIGHT_RUNNER_HOST)) ? 0 : 1;
    case '--help':
      process.stdout.write(`${help}\n`);
      return 0;
    default:
      throw new StartError('invalid_arguments', `there is no command ${command}.\n\n${help}`);
  }
}

async function serve(): Promise<number> {
  const env = parseEnv(runnerHostEnvSchema, process.env);
  const stopping = new AbortController();
  process.on('SIGTERM', () => stopping.abort());
  // A terminal sends Ctrl-C to the whole group; the worker drains first.
  process.on('SIGINT', () => stopping.abort());
  // Whoever started it on a laptop was killed, and its worker ends of that too.
  process.on('disconnect', () => stopping.abort());
  // What it makes is for its own user, the socket from its first moment on.
  process.umask(0o077);
  const { PILOTLIGHT_PYTHON: python, PILOTLIGHT_DEVICE: device } = env;
  await serveHost({
    host: createLocalHost({
      python,
      device,
      scratchRoot: env.PILOTLIGHT_RUNNER_SCRATCH,
    }),
    socketPath: env.PILOTLIGHT_RUNNER_HOST,
    modelsDirs: [env.PILOTLIGHT_MODELS_DIR, env.PILOTLIGHT_WEIGHTS_DIR].filter((dir) => dir !== undefined),
    log: createJsonLog(systemClock),
    stopping: stopping.signal,
  });
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof StartError ? error.message : String(error)}\n`);
    process.exit(error instanceof StartError ? 2 : 1);
  },
);
