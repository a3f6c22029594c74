/**
 * What the flows need from the world. Three families implement these: in-memory ports (unit tests, simulator), the
 * AWS adapters, and nothing else; `ports.contract.ts` is the one conformance suite for all of them.
 *
 * Every method is safe to call twice: writes are conditional and say so by a variant, never by an exception.
 * An exception means the outcome is unknown and the caller must be ready to find the write applied.
 * Every method that touches a tenant's data takes `tenantId` first; another tenant's object answers as missing.
 */
import type { AdapterRecord } from './adapter/adapter.ts';
import type { ExpectedFile } from './adapter/check-file.ts';
import type { JobAdapter } from './adapter/job-adapters.ts';
import type { AdmissionAsk, GateView, Refusal } from './admission/gate.ts';
import type { CounterCorrection } from './admission/reservation.ts';
import type { LastingTotal, Stored } from './admission/stored-bytes.ts';
import type { BatchRecord } from './batch/batch.ts';
import type { FilePurpose, FileRecord } from './batch/file.ts';
import type { JobEntry, LedgerEntry, ShareEntry, WarmupEntry } from './billing/ledger.ts';
import type { Statement } from './billing/statement.ts';
import type { CachedResult } from './cache/cached-result.ts';
import type { Calibration } from './eta/calibration.ts';
import type { FinishReason, JobClass, JobRecord, JobStatus, LineEntry } from './job/job.ts';
import type { Guard, JobPatch } from './job/transitions.ts';
import type { BootWatch } from './scaling/boot-watch.ts';
import type { PoolOrder, PoolOrders } from './scaling/pool-orders.ts';
import type { PoolState } from './scaling/pool-state.ts';
import type { WorkerRecord } from './scaling/worker-record.ts';
import type { Preview, TextPiece, TextPosition } from './stream/text-piece.ts';
import type { AliasRecord } from './tenancy/alias.ts';
import type { PlanRecord } from './tenancy/plans.ts';
import type { KeyRecord, TenantRecord } from './tenancy/tenant.ts';
import type { DeliveryRecord } from './webhook/delivery.ts';
import type { EndpointRecord } from './webhook/endpoint.ts';

export interface Clock {
  nowMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Ids {
  /** `prefix_` + 26 Crockford base32 characters, 130 random bits. */
  next(prefix: 'job' | 'req' | 'worker' | 'batch' | 'whe' | 'file'): string;
  /** Eight base32 characters: tells apart two reservations of the same name. */
  nonce(): string;
}

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Never prompts, payloads, keys or links. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Everything that stores or queues: what a family of adapters brings. */
export interface StoragePorts {
  readonly tenants: Tenants;
  readonly keys: Keys;
  readonly plans: Plans;
  readonly aliases: Aliases;
  readonly gates: Gates;
  readonly jobs: Jobs;
  readonly jobEvents: JobEvents;
  readonly streams: Streams;
  readonly marks: Marks;
  readonly ledger: Ledger;
  readonly pools: Pools;
  readonly workers: Workers;
  readonly tickets: Tickets;
  readonly blobs: Blobs;
  readonly results: ResultCache;
  readonly endpoints: Endpoints;
  readonly deliveries: Deliveries;
  readonly adapters: Adapters;
  readonly adapterFiles: AdapterFiles;
  readonly files: Files;
  readonly batches: Batches;
  readonly drops: Drops;
}

export interface Tenants {
  /** Creates the tenant and its gate; `exists`, also for an id that differs by case alone, leaves both untouched. */
  create(tenant: TenantRecord): Promise<'created' | 'exists'>;
  get(tenantId: string): Promise<TenantRecord | null>;
  /**
   * Stores the record if the stored one has the version before: `conflict` says that another write came first.
   * The gate follows the status in the order that leaves no window: it closes before the record says so, and opens
   * after. A crash in between leaves it closed, and the next update puts it right.
   */
  update(tenant: TenantRecord): Promise<'updated' | 'conflict'>;
  list(cursor?: string): Promise<Page<TenantRecord>>;
}

export interface Keys {
  create(key: KeyRecord): Promise<'created' | 'exists'>;
  /** The one read that does not know whose the key is: the key itself says. */
  get(keyId: string): Promise<KeyRecord | null>;
  /** Lags a moment behind writes. */
  list(tenantId: string, cursor?: string): Promise<Page<KeyRecord>>;
  /** Lets the key work until `atMs` and no longer; never makes it work longer than before. */
  expire(tenantId: string, keyId: string, atMs: number): Promise<KeyRecord | null>;
  /** Ends the key for good. A key that was revoked before keeps the first time. */
  revoke(tenantId: string, keyId: string, nowMs: number): Promise<KeyRecord | null>;
  /** Notes the day (`YYYY-MM-DD`) of a key's use; no effect when a day as late is there. */
  touch(tenantId: string, keyId: string, day: string): Promise<void>;
}

/** Plans of the operator's own; those that ship are in `tenancy/plans.ts`. */
export interface Plans {
  get(name: string): Promise<PlanRecord | null>;
  /** Stores the record if the stored one has the version before, or if there is none and this is version 1. */
  put(plan: PlanRecord): Promise<'stored' | 'conflict'>;
  /** Removed ones too. */
  list(cursor?: string): Promise<Page<PlanRecord>>;
}

export interface Aliases {
  get(family: string, name: string): Promise<AliasRecord | null>;
  /** Stores the record if the stored one has the version before, or if there is none and this is version 1. */
  put(alias: AliasRecord): Promise<'stored' | 'conflict'>;
  remove(family: string, name: string): Promise<'removed' | 'missing'>;
  list(cursor?: string): Promise<Page<AliasRecord>>;
}

export interface Gates {
  /**
   * Takes everything the ask names or nothing, in one conditional write (tenancy.md 2).
   * `duplicate`: a reservation of this name is open already under another token. The same token is a retry that sees
   * its own write: `admitted`.
   */
  admit(tenantId: string, ask: AdmissionAsk): Promise<AdmitOutcome>;
  /**
   * Removes the reservation if it still carries this token, corrects the counters it was taken from and counts what the
   * job stored.
   */
  release(tenantId: string, jobId: string, trueUp: Release): Promise<'released' | 'gone'>;
  /**
   * Takes a place among the tenant's running jobs for this attempt of a job that holds a reservation. A job has
   * one place at most: one that it holds under an earlier attempt becomes this one's, whatever `max` says.
   */
  start(tenantId: string, jobId: string, attempt: number, max: number): Promise<StartOutcome>;
  /** Frees the job's place if it is this attempt's; {@link release} frees it whoever's it is. */
  stop(tenantId: string, jobId: string, attempt: number): Promise<void>;
  /**
   * Puts a note among the reservations, whatever the limits and the status: for what must be done once and has no job
   * of its own. {@link release} removes it, its text being the token. It takes the place of one open job while it stands.
   */
  note(tenantId: string, name: string, text: string): Promise<'noted' | 'standing' | 'no_tenant'>;
  /** Makes this what the tenant keeps without an end; no effect when a total as late is there, or no gate. */
  keep(tenantId: string, total: LastingTotal): Promise<void>;
  /** Moves the tenant's finish tag of a line to `to`; no effect when it is past `upTo`. */
  lift(tenantId: string, line: string, upTo: number, to: number): Promise<void>;
  read(tenantId: string): Promise<GateView | null>;
  /** Tenants whose gate may hold reservations. A gate found empty is forgotten by {@link rest}. */
  listOpen(cursor?: string): Promise<Page<string>>;
  /** Forgets a gate without reservations and clears its windows long past; no effect when one is open. */
  rest(tenantId: string, nowMs: number): Promise<void>;
}

export type AdmitOutcome =
  | { readonly kind: 'admitted'; readonly finishTag: number; readonly gate: GateView }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly gate: GateView }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'no_tenant' };

export type StartOutcome =
  | { readonly kind: 'started' }
  /** `holders`: the jobs that have a place. */
  | { readonly kind: 'full'; readonly holders: readonly string[] }
  /** The job holds no reservation, or its place is a later attempt's. */
  | { readonly kind: 'gone' };

export interface Release {
  /** The reservation's token, so that a later reservation of the same name is left alone. */
  readonly token: string;
  /** Each counter at most once. A counter that is gone is not made again: it ends at nothing. */
  readonly corrections: readonly CounterCorrection[];
  /**
   * The job's place among the running ones goes too, if it has one.
   * @default false
   */
  readonly endsRunning?: boolean;
  /**
   * Bytes that the job's results take until their bucket ends.
   * @default null
   */
  readonly stored?: Stored | null;
  /** Correction of the line's finish tag, actual minus predicted; null when there is nothing to correct. */
  readonly finishTag: { readonly line: string; readonly delta: number } | null;
}

/** A job past its retention (`keptUntilMs`) answers everywhere as a missing one, and another of its id may be created. */
export interface Jobs {
  /** `exists`: a job of this id is there, or may not come to be under this reservation any more: see {@link forbid}. */
  create(job: JobRecord): Promise<'created' | 'exists'>;
  /**
   * Sees to it that no job of this id comes to be under this reservation; under another one it still may. `exists`: a
   * job of this id is there already, under whatever reservation.
   */
  forbid(tenantId: string, jobId: string, reservation: string): Promise<'forbidden' | 'exists'>;
  /** As {@link forbid}, for a day, under whatever reservation. */
  forbidAll(tenantId: string, jobId: string): Promise<'forbidden' | 'exists'>;
  /** `consistent` sees every earlier write; the default may lag a moment and costs half. */
  get(tenantId: string, jobId: string, how?: { consistent: boolean }): Promise<JobRecord | null>;
  /**
   * Stores the patch if the guard holds. Also `applied` when the stored record carries this very patch already:
   * a retry after an answer that got lost sees its own write.
   */
  apply(tenantId: string, jobId: string, guard: Guard, patch: JobPatch): Promise<ApplyOutcome>;
  /** Newest first. A page may hold fewer than `limit` and still have a cursor. */
  list(tenantId: string, ask: JobListAsk): Promise<Page<JobRecord>>;
  /** The head of a line by tag; may lag behind writes. */
  line(pool: string, jobClass: JobClass, limit: number): Promise<LineEntry[]>;
  /** Jobs whose lease ran out before `nowMs`, oldest first; may lag behind writes. */
  lapsed(pool: string, nowMs: number, limit: number): Promise<LineEntry[]>;
  /** How many jobs of the pool wait and are leased; may lag behind writes. */
  count(pool: string): Promise<{ readonly waiting: number; readonly leased: number }>;
}

export type ApplyOutcome =
  | { readonly kind: 'applied'; readonly job: JobRecord }
  /** The guard no longer holds, or there is no such job. */
  | { readonly kind: 'refused' };

export interface JobListAsk {
  readonly limit: number;
  readonly cursor?: string;
  readonly status?: JobStatus;
  readonly model?: string;
  readonly class?: JobClass;
  /** Only jobs created later than this instant. */
  readonly createdAfterMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Only jobs that carry this flag. */
  readonly flag?: string;
}

/**
 * What a streamed job has said and shown so far, piece by piece. Pieces are kept apart by attempt and sorted by it, so what a worker
 * says late, of an attempt that another one has taken over, stands before all that the later attempt says.
 */
export interface JobEvents {
  /**
   * Stores the piece unless one stands at its place in what its attempt tells already. Kept for `streamLimits.keptMs`
   * at least.
   */
  append(tenantId: string, jobId: string, piece: TextPiece): Promise<'appended' | 'exists'>;
  /** At and after the position, later attempts too, in order, `limit` at most; sees every earlier write. */
  read(tenantId: string, jobId: string, from: TextPosition, limit: number): Promise<TextPiece[]>;
}

/** What one request of a tenant leaves for the next ones: small, under a name, and gone after a while. */
export interface Mark {
  readonly tenantId: string;
  /** Letters, digits, `_` and `-`. */
  readonly name: string;
  readonly text: string;
  /** Whole seconds. */
  readonly untilMs: number;
  /** Counts the writes; a write names the one it replaces. */
  readonly version: number;
}

export interface Marks {
  /** Sees every earlier write. Null for one whose time is over. */
  get(tenantId: string, name: string): Promise<Mark | null>;
  /** Stores the mark if the stored one has the version before or, for version 1, if none stands. */
  put(mark: Mark): Promise<'stored' | 'conflict'>;
}

/** Streams that a tenant has open: each holds a place until it is closed, or until the time that it gave. */
export interface Streams {
  /** `full`: the tenant has `max` open. A place whose time is over by `nowMs` counts no more. */
  open(tenantId: string, streamId: string, how: StreamPlace): Promise<'opened' | 'full'>;
  /** No effect when it has none. */
  close(tenantId: string, streamId: string): Promise<void>;
}

export interface StreamPlace {
  readonly max: number;
  readonly nowMs: number;
  readonly untilMs: number;
}

export interface Page<T> {
  readonly items: T[];
  readonly cursor: string | null;
}

export interface Ledger {
  /**
   * One charge and one refund per tenant, month and job, one share per tenant, month and pool, one entry per tenant,
   * month and warm-up; a second is refused and changes nothing.
   */
  append(entry: LedgerEntry): Promise<'appended' | 'exists'>;
  /** The charge of a job; sees every earlier write. */
  charge(tenantId: string, month: string, jobId: string): Promise<JobEntry | null>;
  /** The refund of a job; sees every earlier write. */
  refund(tenantId: string, month: string, jobId: string): Promise<JobEntry | null>;
  /** The tenant's share of a pool; sees every earlier write. */
  share(tenantId: string, month: string, pool: string): Promise<ShareEntry | null>;
  /** The entry of a warm-up; sees every earlier write. */
  warmup(tenantId: string, month: string, warmupId: string): Promise<WarmupEntry | null>;
  /** Entries of every kind, in no promised order; may lag behind writes. */
  list(tenantId: string, month: string, cursor?: string): Promise<Page<LedgerEntry>>;
  /** One statement per month and pool; a second is refused and changes nothing. */
  state(statement: Statement): Promise<'appended' | 'exists'>;
  /** Statements of a month, by pool; sees every earlier write. */
  statements(month: string): Promise<Statement[]>;
}

/** The doorbell: a ticket says that a pool has work, and names a job only as a hint. */
export interface Tickets {
  send(ticket: Ticket): Promise<void>;
  /** Waits up to `waitMs` for the first; never more than `max`. Ends early, with nothing, when `signal` aborts. */
  receive(pool: string, max: number, waitMs: number, signal?: AbortSignal): Promise<HeldTicket[]>;
  delete(pool: string, held: readonly HeldTicket[]): Promise<void>;
  /** Hides the tickets for `ms` from now: 0 hands them back, more keeps them held. */
  hide(pool: string, held: readonly HeldTicket[], ms: number): Promise<void>;
  /** Approximate, as SQS counts. */
  depth(pool: string): Promise<{ readonly visible: number; readonly hidden: number }>;
}

export interface Ticket {
  readonly pool: string;
  readonly tenantId: string;
  readonly jobId: string;
}

export interface HeldTicket extends Ticket {
  readonly receipt: string;
  /** Deliveries so far, this one included. */
  readonly deliveries: number;
}

export interface Pools {
  read(pool: string): Promise<PoolRecord>;
  /** Moves the state if it is one of `from`; exactly one of many callers sees `moved`. */
  move(
    pool: string,
    from: readonly PoolState[],
    to: PoolState,
    nowMs: number,
  ): Promise<'moved' | 'elsewhere'>;
  /** Raises the virtual time of one class's line to `tag`; never lowers it. */
  advance(pool: string, jobClass: JobClass, tag: number): Promise<void>;
  /**
   * Stores the calibration if the stored one has the version before, or if there is none and this is version 1.
   * `conflict` says that another write came first; what this one learned may be dropped.
   */
  calibrate(pool: string, calibration: Calibration): Promise<'stored' | 'conflict'>;
  /** Carries out `obey` of `scaling/pool-orders.ts` in one write; `refused` where that says null. */
  order(pool: string, order: PoolOrder): Promise<'obeyed' | 'refused'>;
  /** Notes what the scaler saw and asked for, for those who cannot ask the fleet. */
  noteScaling(pool: string, scaling: PoolScaling): Promise<void>;
  /** Stores the watch if the stored one has the version before, or if there is none and this is version 1. */
  noteBoots(pool: string, boots: BootWatch): Promise<'stored' | 'conflict'>;
  /** Notes a pool that is a tenant's own, for those who go through all pools. */
  enlist(pool: string): Promise<void>;
  /** Pools that were enlisted; may lag behind writes. */
  listOwn(cursor?: string): Promise<Page<string>>;
}

/** Makes pools of tenants' own, where the platform can make a queue by itself: a laptop. */
export interface OwnPools {
  /** Readies the pool's queue, then enlists it; asks for nothing the second time. */
  open(pool: string): Promise<void>;
}

export interface PoolRecord {
  readonly pool: string;
  readonly state: PoolState;
  readonly stateSinceMs: number;
  /** Lowest start tag that waited when a job was last claimed: where a tenant that returns from idle joins the line. */
  readonly virtualTimes: Readonly<Record<JobClass, number>>;
  /** How wrong estimates of its starts were. */
  readonly calibration: Calibration;
  readonly orders: PoolOrders;
  /** Null until the scaler has looked at the pool for the first time. */
  readonly scaling: PoolScaling | null;
  /** Instances that are awaited in their cluster, and those that never came to it. */
  readonly boots: BootWatch;
}

/** Of the scaler's last look that found anything changed. */
export interface PoolScaling {
  readonly desired: number;
  readonly running: number;
  readonly workersMax: number;
}

export interface Workers {
  /** Stores what a worker says of itself, unless a later word of it is stored. */
  report(worker: WorkerRecord): Promise<void>;
  /**
   * Workers of the pool that were heard of at or after `sinceMs`, ended ones too, by when that was. May lag behind
   * writes; a worker that reports while the pages are read may come twice.
   */
  list(pool: string, sinceMs: number, cursor?: string): Promise<Page<WorkerRecord>>;
}

/** A tenant's files. `path` is relative to the tenant, such as `jobs/<id>/<attempt>/0.png`; the adapter adds the prefix. */
export interface Blobs {
  put(tenantId: string, path: string, body: Uint8Array, contentType: string, how?: BlobCare): Promise<void>;
  /** A link that reads this one object for `seconds`. */
  link(tenantId: string, path: string, seconds: number): Promise<string>;
  get(tenantId: string, path: string): Promise<Uint8Array | null>;
  /**
   * The file from byte `from` on, in pieces as they come, which is none past its end; null: there is none. A reader that
   * stops early ends the transfer.
   */
  read(tenantId: string, path: string, from: number): Promise<AsyncIterable<Uint8Array> | null>;
  /**
   * Stores what the pieces make together, whole or not at all; holds `fileLimits.partBytes` of it in memory. Rejects when
   * the pieces do, and leaves what was there before.
   * @param pieces begins anew each time that it is called
   */
  write(
    tenantId: string,
    path: string,
    pieces: () => AsyncIterable<Uint8Array>,
    contentType: string,
    how?: BlobCare,
  ): Promise<void>;
  /** A link that puts this file, for `seconds`; with AWS it takes no other bytes than those of this length and hash. */
  uploadLink(
    tenantId: string,
    path: string,
    file: ExpectedFile,
    seconds: number,
    how?: BlobCare,
  ): Promise<UploadLink>;
  /** No effect where there is none. */
  remove(tenantId: string, path: string): Promise<void>;
}

export interface BlobCare {
  /**
   * Kept under a key of the key management service, which every read then needs and logs.
   * @default the store's own encryption
   */
  readonly isEncrypted: boolean;
  /**
   * The store removes it some time after so long.
   * @default as long as any job is kept
   */
  readonly retentionMs?: number;
}

/** Results that a tenant's requests may be answered with again. May lag a moment behind writes. */
export interface ResultCache {
  /** Null also from the entry's expiry on. */
  get(tenantId: string, key: string, nowMs: number): Promise<CachedResult | null>;
  /**
   * Stores the entry unless one of its key stands there that has not expired; then removes those of the tenant that
   * were used longest ago beyond `entriesMax`, some at a time. Storing counts as use.
   */
  put(
    entry: CachedResult,
    how: { readonly entriesMax: number; readonly nowMs: number },
  ): Promise<'stored' | 'exists'>;
  /** Notes a use; never an earlier one than is noted. No effect when there is no such entry. */
  touch(tenantId: string, key: string, nowMs: number): Promise<void>;
}

/** Where tenants want to be told of their jobs. Every read sees every earlier write. */
export interface Endpoints {
  get(tenantId: string, endpointId: string): Promise<EndpointRecord | null>;
  /** Every one of the tenant's; there are `webhookLimits.endpointsMax` or so. */
  list(tenantId: string): Promise<EndpointRecord[]>;
  /** Stores the record if the stored one has the version before, or if there is none and this is version 1. */
  put(endpoint: EndpointRecord): Promise<'stored' | 'conflict'>;
  remove(tenantId: string, endpointId: string): Promise<'removed' | 'missing'>;
}

/**
 * Events on their way, and the log of how they went. A tenant with something on its way has a turn: an instant at which
 * somebody should look, so that looking for work goes tenant by tenant and no backlog of one hides another's.
 */
export interface Deliveries {
  /**
   * Stores the record if the stored one has the version before, or if there is none and this is version 1. Whenever it
   * answers, also by `conflict`, the tenant's turn comes by `nextAtMs` at the latest where that is not null.
   */
  put(delivery: DeliveryRecord): Promise<'stored' | 'conflict'>;
  /** Sees every earlier write. Null past `keptUntilMs`. */
  get(tenantId: string, endpointId: string, deliveryId: string): Promise<DeliveryRecord | null>;
  /** Of one endpoint, newest first; none past `keptUntilMs`. A page may be empty and still have a cursor. */
  list(tenantId: string, endpointId: string, cursor?: string): Promise<Page<DeliveryRecord>>;
  /** Pending ones whose `nextAtMs` has come, earliest first; may lag behind writes. */
  due(tenantId: string, nowMs: number, limit: number): Promise<DeliveryRecord[]>;
  /** Tenants whose turn has come, earliest first; may lag behind writes. */
  turns(nowMs: number, cursor?: string): Promise<Page<string>>;
  /**
   * Moves the tenant's turn to its earliest pending delivery, but no further than `webhookLimits.turnLookMs` from now;
   * forgets it where nothing is pending and nothing was put for `turnKeptMs`. No effect when something is put meanwhile.
   */
  rest(tenantId: string, nowMs: number): Promise<void>;
}

/** Tenants' adapters. Every read sees every earlier write. */
export interface Adapters {
  get(tenantId: string, adapterId: string): Promise<AdapterRecord | null>;
  /** Every one of the tenant's, oldest first; there are `adapterLimits.ownMax` at most. */
  list(tenantId: string): Promise<AdapterRecord[]>;
  /** `full`: the tenant has `max` or more; however many ask at once, there are never more than `max`. */
  create(adapter: AdapterRecord, max: number): Promise<'created' | 'exists' | 'full'>;
  /** Stores the record if the stored one has the version before. */
  put(adapter: AdapterRecord): Promise<'stored' | 'conflict'>;
  remove(tenantId: string, adapterId: string): Promise<'removed' | 'missing'>;
  /** What the files of all of them take, but of refused ones, which have none. */
  total(tenantId: string): Promise<LastingTotal>;
  /**
   * Tenants of which an adapter was created, changed or removed since the last {@link settle}: the write that does it says
   * so. Lags a moment behind writes.
   */
  listChanged(cursor?: string): Promise<Page<string>>;
  /** Puts the tenant among those of {@link listChanged}, whatever adapters it has. */
  noteChange(tenantId: string): Promise<void>;
  /** Takes the tenant from those of {@link listChanged}; no effect when anything changed after this version of the total. */
  settle(tenantId: string, version: number): Promise<void>;
}

/** What is known of files that tenants bring for batches, and of those that batches leave. A file past its expiry is missing. */
export interface Files {
  create(file: FileRecord): Promise<'created' | 'exists'>;
  /** Sees every earlier write. */
  get(tenantId: string, fileId: string): Promise<FileRecord | null>;
  /** By age, which their ids sort by. A page may hold fewer than `limit` and still have a cursor. */
  list(tenantId: string, ask: FileListAsk): Promise<Page<FileRecord>>;
  remove(tenantId: string, fileId: string): Promise<'removed' | 'missing'>;
}

export interface FileListAsk {
  readonly limit: number;
  /** Only what comes after the file of this id, whether it is there or not. */
  readonly after?: string;
  readonly order: 'asc' | 'desc';
  readonly purpose?: FilePurpose;
}

/** A batch past its retention is missing. */
export interface Batches {
  /** Stores the record if the stored one has the version before, or if there is none and this is version 1. */
  put(batch: BatchRecord): Promise<'stored' | 'conflict'>;
  /** Sees every earlier write. */
  get(tenantId: string, batchId: string): Promise<BatchRecord | null>;
  /** Newest first. The cursor is the id of the last, and any id may stand for one. */
  list(
    tenantId: string,
    ask: { readonly limit: number; readonly after?: string },
  ): Promise<Page<BatchRecord>>;
  /** Those of all tenants that somebody has to work at (`isAtWork`), oldest first; may lag behind writes. */
  atWork(cursor?: string): Promise<Page<BatchRecord>>;
}

/** Files of lines that tenants put into the store by their own means, by name, and what is left for them there. */
export interface Drops {
  /** The file as it is now; null: there is none. */
  look(tenantId: string, name: string): Promise<Drop | null>;
  /**
   * This version in pieces as they come; null: it is gone, and perhaps another one there. A reader that stops early
   * ends the transfer.
   */
  read(tenantId: string, name: string, version: string): Promise<AsyncIterable<Uint8Array> | null>;
  /** As {@link Blobs.write}, among the tenant's results. */
  write(
    tenantId: string,
    name: string,
    pieces: () => AsyncIterable<Uint8Array>,
    contentType: string,
    how?: BlobCare,
  ): Promise<void>;
}

export interface Drop {
  /** Of its bytes; with the instant it tells this file from every other that has had its name. */
  readonly version: string;
  readonly bytes: number;
  /** When it was put; whole seconds. */
  readonly atMs: number;
}

/** The files of adapters, which no retention clears. */
export interface AdapterFiles {
  /** A link that puts this file, for `seconds`; with AWS it takes no other bytes than those of this length and hash. */
  uploadLink(tenantId: string, adapterId: string, file: ExpectedFile, seconds: number): Promise<UploadLink>;
  /** The file in pieces as they come; null: there is none. A reader that stops early ends the transfer. */
  read(tenantId: string, adapterId: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | null>;
  remove(tenantId: string, adapterId: string): Promise<void>;
  /** Removes files of the tenant's adapters, whether or not a record names them, a page of them; `more`: some may be left. */
  clear(tenantId: string): Promise<'cleared' | 'more'>;
}

/** For a PUT with exactly these headers. */
export interface UploadLink {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Files of adapters on the disk of a worker, by their hash: whoever holds one is nobody else's business. */
export interface AdapterCache {
  /**
   * The path of the file, brought here if it is not there, and kept until `release` is called. `missing`: the store has
   * none, or other bytes than the hash says. Rejects when the store is out of reach or the disk is full.
   */
  take(tenantId: string, adapter: JobAdapter): Promise<TakenAdapter>;
}

export type TakenAdapter =
  | { readonly kind: 'taken'; readonly path: string; release(): void }
  | { readonly kind: 'missing' };

/** Asks for a scaling decision now; several asks may be answered by one decision. */
export interface Scaler {
  wake(pool: string): Promise<void>;
}

/** Who runs workers: ECS, or child processes on a laptop. */
export interface Fleet {
  /** Workers asked for and workers that live. */
  status(pool: string): Promise<{ readonly desired: number; readonly running: number }>;
  setDesired(pool: string, desired: number): Promise<void>;
}

/** A model in a process of its own (models.md 6). One call at a time. */
export interface Runner {
  /**
   * Makes the model resident; `loadMs` is 0 when it was already. Where a card is known, other models are put out first,
   * the least recently used first, until the model and the peak of the batch fit.
   */
  load(model: string, revision: string, needs?: RunNeeds): Promise<LoadOutcome>;
  /** Runs one batch. Every item ends in exactly one outcome, also when the runner process dies. */
  run(batch: RunBatch, events: RunEvents): Promise<ReadonlyMap<string, RunOutcome>>;
  /** Asks to stop one item of the running batch; its outcome is then `canceled`, or what it was just before. */
  cancel(itemId: string): void;
  /** Every resident model, as `modelKey` names it, least recently used first. */
  resident(): ReadonlySet<string>;
}

export type LoadOutcome =
  | { readonly kind: 'loaded'; readonly loadMs: number }
  /** `worker_lost`: the process that was to load it is gone, or could not be started. */
  | {
      readonly kind: 'failed';
      readonly code: 'no_such_model' | 'out_of_memory' | 'model_error' | 'worker_lost';
    };

/** What a batch takes of a card, and in whose process it runs. */
export interface RunNeeds {
  /** Predicted peak of the whole batch, on top of the weights. */
  readonly peakMb: number;
  /** The tenant whose own process runs it; null: the process that tenants share. */
  readonly tenantId: string | null;
  /** Hard cap of that process, weights included; null: none. */
  readonly memoryMaxMb: number | null;
}

export interface RunBatch {
  readonly batchId: string;
  readonly model: string;
  readonly revision: string;
  readonly items: readonly RunItem[];
  /**
   * What changes the model for all of the items.
   * @default nothing
   */
  readonly adapters?: readonly RunAdapter[];
  /** @default the shared process, and no peak to make room for */
  readonly needs?: RunNeeds;
  /**
   * Traces of its items, for the lines that are written while it runs.
   * @default none
   */
  readonly traceIds?: readonly string[];
}

export interface RunAdapter {
  readonly id: string;
  readonly path: string;
  readonly sha256: string;
  readonly weight: number;
}

export interface RunItem {
  readonly id: string;
  readonly params: JobRecord['input'];
}

export interface RunEvents {
  onProgress(itemId: string, step: number, steps: number): void;
  /** How an item looks so far, from models that can say; where nobody asks, nothing is made. */
  onPreview?(itemId: string, preview: Preview): void;
  /** Pieces of an item's text as they are made, in order, told to those who ask: its file has the whole. */
  onDelta?(itemId: string, text: string): void;
}

/** How a text came to its end, and the tokens that were read and written for it. */
export interface RunAnswer {
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export type RunOutcome =
  | {
      readonly kind: 'succeeded';
      readonly files: readonly RunFile[];
      readonly gpuMs: number;
      readonly seeds: readonly number[];
      readonly unknownWords: readonly string[];
      readonly engine: string;
      readonly versions: Readonly<Record<string, string>>;
      /** Of an item that wrote text, which is its first file. */
      readonly answer?: RunAnswer;
    }
  | { readonly kind: 'canceled'; readonly gpuMs: number }
  | {
      readonly kind: 'failed';
      readonly code:
        | 'out_of_memory'
        | 'model_error'
        | 'nan_output'
        | 'invalid_input'
        | 'adapter_error'
        | 'picture_error'
        | 'worker_lost'
        | 'no_such_model';
      readonly message: string;
      readonly retryable: boolean;
      readonly gpuMs: number;
    };

export interface RunFile {
  readonly type: 'image' | 'text';
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly sha256: string;
  readonly width?: number;
  readonly height?: number;
}
