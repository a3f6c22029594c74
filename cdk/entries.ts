/**
 * Every Lambda entry: its file, what it may ask of the stores, and how much machine it gets. A function is made from its row
 * by `constructs/node-function.ts`; the compiler holds what its stack sets to {@link EntryEnv}, the tests hold `operations`
 * to what the modules in its bundle call.
 */
import type { PortOperation } from '#aws/operations.ts';
import { streamLimits } from '#core/limits.ts';
import type { StoragePorts } from '#core/ports/storage.ts';
import type { ApiEnv } from '#functions/api/env.ts';
import type { BatchesEnv } from '#functions/batches/env.ts';
import type { DeadLettersEnv } from '#functions/dead-letters/env.ts';
import type { DropsEnv } from '#functions/drops/env.ts';
import type { EgressEnv } from '#functions/egress/env.ts';
import type { MonthEnv } from '#functions/month/env.ts';
import type { ScalerEnv } from '#functions/scaler/env.ts';
import type { SetupEnv } from '#functions/setup/env.ts';
import type { SweepEnv } from '#functions/sweep/env.ts';
import type { WebhooksEnv } from '#functions/webhooks/env.ts';

export interface Entry {
  /** From the root of the repository. */
  readonly file: string;
  /** What of that file Lambda calls. @default `handler` */
  readonly handler?: string;
  /** Shown in the console. */
  readonly description: string;
  /** Operations of ports that its code calls, and so what its role may do. */
  readonly operations: readonly PortOperation[];
  /** Processor time goes by it: 1,769 MB are one processor. */
  readonly memoryMb: number;
  readonly timeoutMs: number;
  /** Models' manifests travel with the code, in `models/`. */
  readonly hasModels: boolean;
}

/** The environment that each entry parses, as `functions/<entry>/env.ts` says. */
export interface EntryEnv {
  readonly api: FromParameters<ApiEnv, 'PILOTLIGHT_KEY_PEPPER' | 'PILOTLIGHT_WEBHOOK_KEY'>;
  readonly batches: BatchesEnv;
  readonly deadLetters: DeadLettersEnv;
  readonly drops: DropsEnv;
  readonly egress: EgressEnv;
  readonly month: MonthEnv;
  readonly scaler: ScalerEnv;
  readonly setup: SetupEnv;
  readonly streams: EntryEnv['api'];
  readonly sweep: SweepEnv;
  readonly webhooks: FromParameters<WebhooksEnv, 'PILOTLIGHT_WEBHOOK_KEY'>;
}

export type EntryName = keyof EntryEnv;

/** Secrets are named, not given: `NAME_PARAMETER` holds the name of the SSM parameter that `NAME` is read from. */
export type FromParameters<Env, Secret extends keyof Env & string> = Omit<Env, Secret> &
  Readonly<Record<`${Secret}_PARAMETER`, string>>;

/** Operations of one port, which the compiler holds to be its methods. */
export function of<Port extends keyof StoragePorts>(
  port: Port,
  ...methods: readonly (keyof StoragePorts[Port] & string)[]
): PortOperation[] {
  // `port.method` of a port and its method is what the type is made of.
  return methods.map((method) => `${port}.${method}` as PortOperation);
}

/** One bundle, whichever of its handlers runs: answers in one piece go with the streamed ones through the same code. */
const api = {
  file: 'functions/api/entry.ts',
  operations: [
    ...of('adapterFiles', 'read', 'remove', 'uploadLink'),
    ...of('adapters', 'create', 'get', 'list', 'noteChange', 'put', 'remove', 'settle', 'total'),
    ...of('aliases', 'get', 'list', 'put', 'remove'),
    ...of('batches', 'get', 'list', 'put'),
    ...of('blobs', 'get', 'link', 'put', 'remove', 'uploadLink'),
    ...of('deliveries', 'get', 'list', 'put'),
    ...of('endpoints', 'get', 'list', 'put', 'remove'),
    ...of('files', 'create', 'get', 'list', 'remove'),
    ...of('gates', 'admit', 'keep', 'lift', 'note', 'read', 'release', 'stop'),
    ...of('jobEvents', 'read'),
    ...of('jobs', 'apply', 'count', 'create', 'get', 'lapsed', 'line', 'list'),
    ...of('keys', 'create', 'expire', 'get', 'list', 'revoke', 'touch'),
    ...of('ledger', 'append', 'charge', 'list', 'refund', 'share', 'state', 'statements', 'warmup'),
    ...of('marks', 'get', 'put'),
    ...of('plans', 'get', 'list', 'put'),
    ...of('pools', 'listOwn', 'move', 'order', 'read'),
    ...of('results', 'get', 'put', 'touch'),
    ...of('streams', 'close', 'open'),
    ...of('tenants', 'create', 'get', 'list', 'update'),
    ...of('tickets', 'depth', 'send'),
    ...of('workers', 'list'),
  ],
  memoryMb: 512,
  hasModels: true,
} as const;

export const entries = {
  api: {
    ...api,
    description: 'Answers the routes of the API, but for those that last as long as a job',
    // API Gateway ends a buffered answer at 29 s; the function ends first, and so can say why.
    timeoutMs: 28_000,
  },
  streams: {
    ...api,
    handler: 'streaming',
    description: 'Answers the routes that last as long as a job, as it goes',
    // As long as API Gateway keeps a stream open, and the longest that a function may run.
    timeoutMs: streamLimits.longestMs,
  },
  batches: {
    file: 'functions/batches/entry.ts',
    description: 'Works at batches: their files, their lines, their results',
    operations: [
      ...of('adapters', 'get'),
      ...of('aliases', 'get'),
      ...of('batches', 'atWork', 'get', 'put'),
      ...of('blobs', 'get', 'put', 'read', 'write'),
      ...of('deliveries', 'put'),
      ...of('drops', 'write'),
      ...of('endpoints', 'list'),
      ...of('files', 'create', 'get'),
      ...of('gates', 'admit', 'lift', 'note', 'read', 'release', 'stop'),
      ...of('jobs', 'apply', 'create', 'forbidAll', 'get', 'lapsed', 'line'),
      ...of('ledger', 'append', 'charge'),
      ...of('plans', 'get'),
      ...of('pools', 'move', 'read'),
      ...of('results', 'get', 'put', 'touch'),
      ...of('tenants', 'get'),
      ...of('tickets', 'send'),
      ...of('workers', 'list'),
    ],
    // A file of 50,000 lines takes up to 274 MB; a processor's share goes by this too.
    memoryMb: 1_024,
    // It ends as soon as no batch is at work; the last 30 s are for the step that each is at.
    timeoutMs: 900_000,
    hasModels: true,
  },
  deadLetters: {
    file: 'functions/dead-letters/entry.ts',
    description: 'Answers tickets that their queues put aside',
    operations: [
      ...of('deliveries', 'put'),
      ...of('endpoints', 'list'),
      ...of('gates', 'release'),
      ...of('jobs', 'get'),
      ...of('ledger', 'append'),
      ...of('tickets', 'send'),
    ],
    memoryMb: 256,
    // Ten tickets of a few calls each.
    timeoutMs: 20_000,
    hasModels: false,
  },
  drops: {
    file: 'functions/drops/entry.ts',
    description: 'Makes batches of files that tenants put into the bucket',
    operations: [
      ...of('batches', 'get', 'list', 'put'),
      ...of('blobs', 'write'),
      ...of('drops', 'look', 'read', 'write'),
      ...of('files', 'create'),
      ...of('gates', 'note', 'read', 'release'),
      ...of('marks', 'get', 'put'),
      ...of('plans', 'get'),
      ...of('tenants', 'get'),
    ],
    // One part of a file is held, and one hash for each line that has no url.
    memoryMb: 512,
    // A file of 200 MB is copied within seconds.
    timeoutMs: 60_000,
    hasModels: false,
  },
  month: {
    file: 'functions/month/entry.ts',
    description: 'Closes the month that is due',
    operations: [
      ...of('ledger', 'append', 'list', 'share', 'state', 'statements'),
      ...of('plans', 'get'),
      ...of('pools', 'listOwn'),
      ...of('tenants', 'list'),
      ...of('workers', 'list'),
    ],
    // It holds the sums of a month's ledgers, eight of which it reads at once.
    memoryMb: 1_024,
    timeoutMs: 900_000,
    hasModels: true,
  },
  scaler: {
    file: 'functions/scaler/entry.ts',
    description: 'Decides how many workers each pool has',
    operations: [
      ...of('jobs', 'count', 'lapsed'),
      ...of('pools', 'move', 'noteBoots', 'noteScaling', 'order', 'read'),
    ],
    memoryMb: 512,
    // A dozen calls for each pool, side by side; one that runs longer keeps the next from starting.
    timeoutMs: 60_000,
    hasModels: true,
  },
  sweep: {
    file: 'functions/sweep/entry.ts',
    description: 'Repairs what a crash left half done',
    operations: [
      ...of('adapterFiles', 'clear'),
      ...of('adapters', 'list', 'listChanged', 'remove', 'settle', 'total'),
      ...of('deliveries', 'put'),
      ...of('endpoints', 'list'),
      ...of('files', 'remove'),
      ...of('gates', 'keep', 'listOpen', 'note', 'read', 'release', 'rest', 'stop'),
      ...of('jobs', 'apply', 'count', 'forbid', 'get', 'lapsed', 'line'),
      ...of('ledger', 'append', 'charge', 'refund', 'warmup'),
      ...of('pools', 'listOwn', 'move', 'order'),
      ...of('results', 'get', 'put'),
      ...of('tenants', 'get'),
      ...of('tickets', 'depth', 'send'),
    ],
    memoryMb: 512,
    // Two may run at once; a thousand entries and every open reservation, one after another.
    timeoutMs: 300_000,
    hasModels: true,
  },
  webhooks: {
    file: 'functions/webhooks/entry.ts',
    description: 'Delivers webhooks',
    operations: [
      ...of('batches', 'get'),
      ...of('blobs', 'get', 'link'),
      ...of('deliveries', 'due', 'put', 'rest', 'turns'),
      ...of('endpoints', 'get', 'put'),
      ...of('jobs', 'get'),
    ],
    memoryMb: 512,
    // It ends as soon as nothing is due; the last 25 s are for the tries that are under way then.
    timeoutMs: 120_000,
    hasModels: false,
  },
  egress: {
    file: 'functions/egress/entry.ts',
    description: 'Asks addresses that tenants name for pictures, with no rights of its own',
    operations: [],
    memoryMb: 512,
    // `imageLimits.fetchMs` for the exchange, and a start before it.
    timeoutMs: 20_000,
    hasModels: false,
  },
  setup: {
    file: 'functions/setup/entry.ts',
    description: "Makes secrets, the operator's first key and the plans of the config, at each deployment",
    operations: [...of('keys', 'create', 'get'), ...of('plans', 'get', 'put'), ...of('tenants', 'create')],
    memoryMb: 256,
    // A plan takes two calls of the table; emptying a bucket, where that is asked for, a second for ten thousand objects.
    timeoutMs: 900_000,
    hasModels: false,
  },
} as const satisfies Readonly<Record<EntryName, Entry>>;

/** Operations of ports that a worker calls, and so what its task may do. */
export const workerOperations: readonly PortOperation[] = [
  ...of('adapterFiles', 'read'),
  ...of('adapters', 'get'),
  ...of('blobs', 'get', 'put'),
  ...of('deliveries', 'put'),
  ...of('endpoints', 'list'),
  ...of('gates', 'release', 'start', 'stop'),
  ...of('jobEvents', 'append'),
  ...of('jobs', 'apply', 'count', 'get', 'lapsed', 'line'),
  ...of('ledger', 'append'),
  ...of('pools', 'advance', 'calibrate', 'move', 'read'),
  ...of('results', 'get', 'put'),
  ...of('tickets', 'delete', 'hide', 'receive', 'send'),
  ...of('workers', 'report'),
];
