/**
 * `npm run deploy:local`: the templates deployed by `cdk` to an emulator on this machine, with a worker process for each task
 * that the scaler asks for. Everything of it is gone when it ends.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createJsonLog } from '#aws/json-log.ts';
import { systemClock } from '#aws/system-clock.ts';
import { openLogFile } from '#local/log-file.ts';
import { createDeployer, type Deployment } from './deployment.ts';
import { startEmulator } from './emulator.ts';
import { pythonWithMinistack } from './python-with-ministack.ts';
import { startTasks } from './tasks.ts';

const help = `Usage: npm run deploy:local

  Deploys the CDK stacks to an AWS emulator on this machine, prints the address of the API and the operator's key, and serves
  until Ctrl-C. Takes about a minute. Nothing is kept; docs/emulator.md says what it shows and what it does not.`;

process.exitCode = await main();

async function main(): Promise<number> {
  if (parseArgs({ options: { help: { type: 'boolean' } } }).values.help === true) {
    say(help);
    return 0;
  }
  const { python, reason } = pythonWithMinistack();
  if (python === null) {
    process.stderr.write(`${reason}\n`);
    return 2;
  }
  const stopped = untilStopped();
  const folder = await mkdtemp(join(tmpdir(), 'pilotlight-deploy-'));
  try {
    await serve(python, folder, stopped);
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function serve(python: string, folder: string, stopped: Promise<void>): Promise<void> {
  const emulator = await startEmulator({ python, folder });
  try {
    say(`AWS is emulated at ${emulator.endpoint}; cdk bootstraps and deploys ...`);
    const deployer = await createDeployer(emulator, folder);
    const deployment = await deployer.deploy('emulated.config.ts');
    const logFile = await openLogFile(join(folder, 'workers.log'));
    const tasks = startTasks(emulator, createJsonLog(systemClock, {}, logFile.write), logFile.write);
    say(nextSteps(deployment, folder));
    await stopped;
    say('Draining ...');
    await tasks.stop();
    await logFile.close();
  } finally {
    await emulator.close();
  }
}

function nextSteps({ url, operatorKey }: Deployment, folder: string): string {
  return `
Deployed. The API: ${url}
The operator's key: ${operatorKey}
Logs: ${folder}

Try:
  export PILOTLIGHT_URL=${url} PILOTLIGHT_API_KEY=${operatorKey}
  npx pilotlight tenants add acme --plan pro       # prints its key, once
  npx pilotlight generate "a red ring above a blue square" -o out.png --key KEY

Ctrl-C ends it, and nothing is kept.`;
}

/** At a second signal it does not wait: what it started ends with it. */
function untilStopped(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isStopping = false;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (isStopping) process.exit(130);
      isStopping = true;
      resolve();
    });
  }
  return promise;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
