/**
 * A deployment in this process whose requests are counted: the API's handler behind the local gateway, a worker's loop with
 * a runner that takes no time, and the SDK's clients between them and the embedded stores. The worker asks for tickets
 * only when it is let, so that what it gets does not depend on how fast this machine is.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AwsPorts } from '#aws/aws-ports.ts';
import { awsPortsOver } from '#aws/aws-ports.ts';
import { createClients } from '#aws/clients.ts';
import { costEnvSchema, costSettingsOf } from '#aws/cost-env.ts';
import { createEmfMetrics } from '#aws/emf-metrics.ts';
import { createJsonLog } from '#aws/json-log.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import { systemClock } from '#aws/system-clock.ts';
import { publicHttps } from '#core/egress/policy.ts';
import { work } from '#core/flows/work.ts';
import type { Catalog } from '#core/models/manifest.ts';
import { measuredRunner } from '#core/observability/measured.ts';
import type { Runner } from '#core/ports/runner.ts';
import type { ApiHandler } from '#functions/api/handler.ts';
import { createApiHandler } from '#functions/api/handler.ts';
import { openAdapterCache } from '#gpu/worker/adapter-cache.ts';
import type { LocalSecrets } from '#local/credentials.ts';
import { ensureCredentials, ensureSecrets } from '#local/credentials.ts';
import type { Emulators } from '#local/emulators.ts';
import { startEmulators } from '#local/emulators.ts';
import { startGateway } from '#local/gateway.ts';
import type { Tally } from './request-tally.ts';
import { add, tallyRequests } from './request-tally.ts';

/** Neither this stack nor a job of these benches has any of it to ask. */
const unasked = async () => {
  throw new Error('nobody is to be asked');
};
const lookMs = 2;
const pool = 'fake';
const slots = 8;
const modelsDir = join(import.meta.dirname, '../gpu-container/models');

export interface Deployment {
  readonly url: string;
  readonly key: string;
  /** What was asked for since it was last emptied, by the API and by the worker. */
  readonly tally: Tally;
  /** Lets the worker at the tickets until all of these jobs have ended and their last write is done. */
  runAll(jobIds: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export async function startDeployment(): Promise<Deployment> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-bench-'));
  const emulators = await startEmulators({ dataDir, pools: [pool] });
  const tally: Tally = new Map();
  const catalog = await readCatalog(modelsDir);
  const looking = createClients(emulators.config);
  const seen = awsPortsOver(looking, emulators.config);
  const counted = (side: string) => countedPorts(emulators, { tally, side, looking });
  const secrets = await ensureSecrets(dataDir);
  const api = counted('api');
  const handler = apiHandler(api, { catalog, secrets, tally });
  const gateway = await startGateway({ handler, port: 0, log: api.log });
  const { url } = gateway;
  const { tenants } = await ensureCredentials(seen, { dataDir, pepper: secrets.keyPepper, url });
  const worker = await startWorker(counted('worker'), catalog);
  // It has lit its pool then, and nobody is asked to.
  await runAll(worker, seen, []);
  return {
    url,
    key: tenants.demo.key,
    tally,
    runAll: (jobIds) => runAll(worker, seen, jobIds),
    async close() {
      await Promise.all([gateway.close(), worker.stop()]);
      for (const ports of [api, seen]) ports.close();
      await emulators.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

async function runAll(worker: BenchWorker, seen: AwsPorts, jobIds: readonly string[]): Promise<void> {
  const open = new Set(jobIds);
  while (open.size > 0 || !worker.isResting()) {
    if (worker.isResting()) worker.letIn();
    await delay(lookMs);
    for (const jobId of open) if (await hasEnded(seen, jobId)) open.delete(jobId);
  }
}

async function hasEnded(ports: AwsPorts, jobId: string): Promise<boolean> {
  const job = await ports.jobs.get('demo', jobId, { consistent: true });
  return job?.place.kind === 'done';
}

interface Counting {
  readonly tally: Tally;
  readonly side: string;
  readonly looking: ReturnType<typeof createClients>;
}

function countedPorts({ config }: Emulators, { tally, side, looking }: Counting): AwsPorts {
  const clients = createClients(config);
  tallyRequests(clients, looking, tally);
  const write = (line: string) => {
    add(tally, `${side} log bytes`, Buffer.byteLength(line));
  };
  const clock = systemClock;
  const metrics = createEmfMetrics({ clock, deployment: 'pilotlight', write });
  return awsPortsOver(clients, config, { log: createJsonLog(clock, {}, write), metrics });
}

interface ApiScene {
  readonly catalog: Catalog;
  readonly secrets: LocalSecrets;
  readonly tally: Tally;
}

function apiHandler(ports: AwsPorts, { catalog, secrets, tally }: ApiScene): ApiHandler {
  const answer = createApiHandler({
    ...ports,
    ...secrets,
    catalog,
    costs: costSettingsOf(costEnvSchema.parse({}), catalog),
    outbound: { send: unasked },
    // The pool's worker is up.
    scaler: { wake: unasked },
    webhookAddresses: publicHttps,
    version: 'bench',
  });
  return (event, context) => {
    add(tally, 'api requests');
    return answer(event, context);
  };
}

type BenchWorker = Awaited<ReturnType<typeof startWorker>>;

/** The loop of `gpu-container/worker/serve.ts` without what goes by time: its reports, its look at the card. */
async function startWorker(ports: AwsPorts, catalog: Catalog) {
  const door = createDoor();
  const adapterCache = await openAdapterCache({ files: ports.adapterFiles });
  const stopping = new AbortController();
  let isBusy = false;
  const scene = {
    ...ports,
    catalog,
    adapterCache,
    runner: measuredRunner(instantRunner(), { ...ports, pool }),
    tickets: {
      ...ports.tickets,
      receive: async (...ask: Parameters<AwsPorts['tickets']['receive']>) => {
        await door.pass();
        return stopping.signal.aborted ? [] : ports.tickets.receive(...ask);
      },
    },
  };
  const onBusy = (busy: boolean) => {
    isBusy = busy;
  };
  const signals = { stopping: stopping.signal, interrupt: new AbortController().signal };
  const ended = work(scene, { workerId: 'bench', pool, slots, ...signals, onBusy });
  return {
    /** At the door, with nothing in hand. */
    isResting: () => door.isWaited() && !isBusy,
    letIn: door.open,
    async stop() {
      stopping.abort();
      door.open();
      await ended;
      await adapterCache.close();
      ports.close();
    },
  };
}

function createDoor() {
  let waiting: (() => void) | null = null;
  return {
    pass: () =>
      new Promise<void>((resolve) => {
        waiting = resolve;
      }),
    isWaited: () => waiting !== null,
    open() {
      const pass = waiting;
      waiting = null;
      pass?.();
    },
  };
}

/** A picture each, at once. */
function instantRunner(): Runner {
  const resident = new Set<string>();
  return {
    async load(model, revision) {
      resident.add(`${model}@${revision}`);
      return { kind: 'loaded', loadMs: 0 };
    },
    run: async ({ items }) =>
      new Map(
        items.map(({ id }) => {
          const body = Buffer.from(id);
          const sha256 = createHash('sha256').update(body).digest('hex');
          const file = {
            type: 'image',
            contentType: 'image/png',
            body,
            sha256,
            width: 512,
            height: 512,
          } as const;
          const made = {
            files: [file],
            gpuMs: 1,
            seeds: [1],
            unknownWords: [],
            engine: 'instant',
            versions: {},
          };
          return [id, { kind: 'succeeded', ...made }] as const;
        }),
      ),
    cancel: () => undefined,
    resident: () => resident,
  };
}
