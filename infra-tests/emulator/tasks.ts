/**
 * The ECS agent of a fleet that has no machines: looks how many tasks each service is asked for and keeps as many, each of two
 * processes with the variables of the task definition's two containers; the worker's has its role beside them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  ListClustersCommand,
  ListServicesCommand,
} from '@aws-sdk/client-ecs';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import * as z from 'zod';
import { systemClock } from '#aws/system-clock.ts';
import { tellAll } from '#core/observability/metrics.ts';
import type { Log } from '#core/ports/process.ts';
import { createLocalFleet, type LocalFleet } from '#local/fleet.ts';
import { type Emulator, emulatedCredentials, emulatedRegion } from './emulator.ts';

export interface Tasks {
  /** Process ids of all workers. */
  workerIds(): number[];
  /** What workers of the pool are given; null until its service was seen. */
  variables(pool: string): Variables | null;
  /** Drains every worker and waits until all are gone. */
  stop(): Promise<void>;
}

type Variables = Readonly<Record<string, string>>;

interface Definition {
  readonly arn: string;
  readonly pool: string;
  readonly variables: Variables;
  /** Of the container that starts runners. */
  readonly hostVariables: Variables;
}

const root = dirname(dirname(import.meta.dirname));
const lookMs = 500;
/** As long as the sessions of a role may last: no worker here outlives it. */
const sessionSeconds = 12 * 60 * 60;

const serviceSchema = z.object({ desiredCount: z.int(), taskDefinition: z.string() });
const containerSchema = (name: string) =>
  z.object({
    name: z.literal(name),
    environment: z.array(z.object({ name: z.string(), value: z.string() })),
  });
const definitionSchema = z.object({
  taskRoleArn: z.string(),
  containerDefinitions: z.tuple([containerSchema('worker'), containerSchema('runner')]),
});
const ownVariablesSchema = z.looseObject({ PILOTLIGHT_POOL: z.string() });
const sessionSchema = z.object({
  AccessKeyId: z.string(),
  SecretAccessKey: z.string(),
  SessionToken: z.string(),
});

/** @param write takes what workers say, line by line */
export function startTasks(emulator: Emulator, log: Log, write: (text: string) => void): Tasks {
  const settings = {
    endpoint: emulator.endpoint,
    region: emulatedRegion,
    credentials: emulatedCredentials,
  };
  const clients = { ecs: new ECSClient(settings), sts: new STSClient(settings) };
  const definitions = new Map<string, Definition>();
  const fleet = createLocalFleet({
    clock: systemClock,
    log,
    metrics: tellAll([]),
    startWorker: (pool) => startTask(emulator, definitions.get(pool) ?? absent(pool), write),
  });
  const stopping = new AbortController();
  const looking = lookUntil(stopping.signal);
  return {
    workerIds: () => [...definitions.keys()].flatMap((pool) => fleet.processIds(pool)),
    variables: (pool) => definitions.get(pool)?.variables ?? null,
    async stop() {
      stopping.abort();
      await looking;
      await fleet.close();
      clients.ecs.destroy();
      clients.sts.destroy();
    },
  };

  async function lookUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await look(clients, fleet, definitions);
      } catch (error) {
        log.warn('tasks.not_seen', { reason: String(error) });
      }
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

interface TaskClients {
  readonly ecs: ECSClient;
  readonly sts: STSClient;
}

async function look(
  clients: TaskClients,
  fleet: LocalFleet,
  definitions: Map<string, Definition>,
): Promise<void> {
  const { ecs } = clients;
  const { clusterArns = [] } = await ecs.send(new ListClustersCommand({}));
  for (const cluster of clusterArns) {
    const { serviceArns = [] } = await ecs.send(new ListServicesCommand({ cluster }));
    if (serviceArns.length === 0) continue;
    const { services = [] } = await ecs.send(new DescribeServicesCommand({ cluster, services: serviceArns }));
    for (const service of services) {
      const { desiredCount, taskDefinition } = serviceSchema.parse(service);
      const known = [...definitions.values()].find(({ arn }) => arn === taskDefinition);
      const definition = known ?? (await readDefinition(clients, taskDefinition));
      definitions.set(definition.pool, definition);
      const { desired } = await fleet.status(definition.pool);
      await fleet.setDesired(definition.pool, desiredCount, desired);
    }
  }
}

async function readDefinition({ ecs, sts }: TaskClients, arn: string): Promise<Definition> {
  const found = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: arn }));
  const { taskRoleArn, containerDefinitions } = definitionSchema.parse(found.taskDefinition);
  const [worker, runner] = containerDefinitions;
  const set = variablesOf(worker);
  const { PILOTLIGHT_POOL: pool } = ownVariablesSchema.parse(set);
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({ RoleArn: taskRoleArn, RoleSessionName: pool, DurationSeconds: sessionSeconds }),
  );
  const session = sessionSchema.parse(Credentials);
  const variables = {
    ...set,
    AWS_ACCESS_KEY_ID: session.AccessKeyId,
    AWS_SECRET_ACCESS_KEY: session.SecretAccessKey,
    AWS_SESSION_TOKEN: session.SessionToken,
  };
  return { arn, pool, variables, hostVariables: variablesOf(runner) };
}

function variablesOf({ environment }: z.infer<ReturnType<typeof containerSchema>>): Variables {
  return Object.fromEntries(environment.map(({ name, value }) => [name, value]));
}

/** The worker's process; the one beside it ends once that is gone, as the containers of a task do. */
function startTask(
  { env }: Emulator,
  { variables, hostVariables }: Definition,
  write: (text: string) => void,
): ChildProcess {
  const home = mkdtempSync(join(tmpdir(), 'pl-task-'));
  const located = (set: Variables) =>
    Object.fromEntries(
      Object.entries(set).map(([name, value]) => [
        name,
        value.replace(/^\/(run\/pilotlight|runner)\b/, home),
      ]),
    );
  const host = startProgram('runner-host', located(hostVariables), write);
  const worker = startProgram('worker', { ...env, ...located(variables) }, write);
  worker.once('close', () => host.kill('SIGTERM'));
  host.once('close', () => rmSync(home, { recursive: true, force: true }));
  return worker;
}

/** What the image sets is set here; everything else comes with the task. */
function startProgram(
  folder: 'worker' | 'runner-host',
  variables: NodeJS.ProcessEnv,
  write: (text: string) => void,
): ChildProcess {
  const container = join(root, 'gpu-container');
  const ofImage = { PATH: process.env.PATH, PILOTLIGHT_MODELS_DIR: join(container, 'models') };
  const child = spawn(process.execPath, [join(container, folder, 'main.ts')], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...variables, ...ofImage },
  });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', write);
  return child;
}

function absent(pool: string): never {
  throw new Error(`a worker is wanted of ${pool}, whose task nobody has seen`);
}
