/**
 * ministack as AWS: one process on a free port of the loopback address, everything in memory and in one folder. Ends with
 * the process that started it, functions and all.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface EmulatorOptions {
  /** A Python with ministack: `pythonWithMinistack` finds it. */
  readonly python: string;
  /** Takes the log, the code of functions and their scratch; must be there. */
  readonly folder: string;
}

export interface Emulator {
  readonly endpoint: string;
  /** What makes SDK clients, `cdk` and workers take it for AWS; whoever gets it needs no other variable of AWS. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export const emulatedAccount = '000000000000';
export const emulatedRegion = 'us-east-1';
/** Any would do; these are the account's own. */
export const emulatedCredentials = { accessKeyId: 'test', secretAccessKey: 'test' };

const host = '127.0.0.1';
/** A start takes a second on an idle machine. */
const startWithinMs = 60_000;
const lookMs = 100;
const logTailCharacters = 2_000;

/** @throws when it did not serve in time, with the end of its log */
export async function startEmulator({ python, folder }: EmulatorOptions): Promise<Emulator> {
  const port = await freePort();
  const endpoint = `http://${host}:${port}`;
  const env = await clientEnv(endpoint, folder);
  const scratch = join(folder, 'scratch');
  await mkdir(scratch, { recursive: true });
  const logPath = join(folder, 'emulator.log');
  const log = await open(logPath, 'a');
  const child = spawn(python, [join(import.meta.dirname, 'launcher.py')], {
    stdio: ['pipe', log.fd, log.fd],
    env: {
      ...env,
      // Functions run by the first `node` there is, which must be the one that Lambda has.
      PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
      TMPDIR: scratch,
      LAMBDA_EXECUTOR: 'local',
      BIND_HOST: host,
      MINISTACK_HOST: host,
      GATEWAY_PORT: String(port),
      // Signatures and policies count: functions and tasks may do what their roles say.
      AUTH: 'true',
    },
  });
  await log.close();
  const exited = once(child, 'exit');
  try {
    await healthy(child, endpoint);
  } catch (error) {
    child.stdin?.end();
    const said = (await readFile(logPath, 'utf8')).slice(-logTailCharacters);
    throw new Error(`the emulator does not serve:\n${said}`, { cause: error });
  }
  return {
    endpoint,
    env,
    async close() {
      child.stdin?.end();
      await exited;
    },
  };
}

async function clientEnv(endpoint: string, folder: string): Promise<Record<string, string>> {
  // Nobody's own settings count: an empty file in their place, and a folder in place of what `cdk` remembers.
  const empty = join(folder, 'empty');
  await writeFile(empty, '');
  return {
    AWS_REGION: emulatedRegion,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: emulatedCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: emulatedCredentials.secretAccessKey,
    AWS_CONFIG_FILE: empty,
    AWS_SHARED_CREDENTIALS_FILE: empty,
    AWS_EC2_METADATA_DISABLED: 'true',
    CDK_HOME: join(folder, 'cdk'),
  };
}

async function healthy(child: ChildProcess, endpoint: string): Promise<void> {
  const giveUpAtMs = performance.now() + startWithinMs;
  while (performance.now() < giveUpAtMs) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended');
    try {
      const { ok } = await fetch(`${endpoint}/_ministack/health`, {
        signal: AbortSignal.timeout(lookMs * 10),
      });
      if (ok) return;
    } catch {
      // Not listening yet.
    }
    await sleep(lookMs);
  }
  throw new Error(`not healthy within ${startWithinMs} ms`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port was given');
  return address.port;
}
