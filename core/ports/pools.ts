import type { Calibration } from '../eta/calibration.ts';
import type { JobClass } from '../job/job.ts';
import type { BootWatch } from '../scaling/boot-watch.ts';
import type { PoolOrder, PoolOrders } from '../scaling/pool-orders.ts';
import type { PoolState } from '../scaling/pool-state.ts';
import type { WorkerRecord } from '../scaling/worker-record.ts';
import type { Page } from './page.ts';

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

/** Asks for a scaling decision now; several asks may be answered by one decision. */
export interface Scaler {
  wake(pool: string): Promise<void>;
}

/** Who runs workers: ECS, or child processes on a laptop. */
export interface Fleet {
  /** Workers asked for and workers that live. */
  status(pool: string): Promise<{ readonly desired: number; readonly running: number }>;
  /**
   * Asks for `desired` workers where `before` are still what is asked for, as `status` told (`scaling/is-still-asked.ts`):
   * `elsewhere` says that someone else has asked since. Asked a second time, it is `set` again.
   */
  setDesired(pool: string, desired: number, before: number): Promise<'set' | 'elsewhere'>;
}
