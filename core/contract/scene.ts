/** What the conformance suite needs of a family of adapters, and how its tests get at it. */
import type { UploadLink } from '../ports/blobs.ts';
import type { Page } from '../ports/page.ts';
import type { Clock, Ids } from '../ports/process.ts';
import type { StoragePorts } from '../ports/storage.ts';
import { sampleTenant } from '../samples.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';

export interface ContractWorld {
  readonly ports: StoragePorts;
  /** The clock the adapters were given. */
  readonly clock: Clock;
  /** Makes the ids of tenants, pools and jobs: must not repeat within a store that several suites share. */
  readonly ids: Ids;
  /**
   * Readies a pool for use, by name (creates its queue).
   * @default nothing to ready
   */
  preparePool?(pool: string): Promise<void>;
  /**
   * Moves a clock that does not move by itself.
   * @default does nothing: with a real clock, a long poll waits by itself
   */
  pass?(ms: number): Promise<void>;
  /**
   * Runs a check of a read that may lag behind writes until it passes; bounded, then rejects with the check's error.
   * @default runs it once
   */
  eventually?(check: () => Promise<void>): Promise<void>;
  /** Follows a link of `AdapterFiles`: whether the store took the body. */
  upload(link: UploadLink, body: Uint8Array): Promise<boolean>;
  /** Puts a file as a tenant does, by its own means. */
  drop(tenantId: string, name: string, body: Uint8Array): Promise<void>;
  /** Reads what was left for it. @throws where nothing was */
  collect(tenantId: string, name: string): Promise<Uint8Array>;
  dispose(): Promise<void>;
}

export interface Scene extends Pick<ContractWorld, 'collect' | 'drop'> {
  readonly ports: StoragePorts;
  readonly clock: Clock;
  /** A tenant id that nothing uses. */
  tenantId(): string;
  /** Creates a tenant and returns its id. */
  tenant(overrides?: Partial<TenantRecord>): Promise<string>;
  /** A pool that nothing uses. */
  pool(): Promise<string>;
  jobId(): string;
  nonce(): string;
  pass(ms: number): Promise<void>;
  upload(link: UploadLink, body: Uint8Array): Promise<boolean>;
  eventually(check: () => Promise<void>): Promise<void>;
}

const pagesMax = 1_000;

export function sceneOf(world: () => ContractWorld): Scene {
  const tenantId = () => `tenant-${world().ids.nonce()}`;
  return {
    get ports() {
      return world().ports;
    },
    get clock() {
      return world().clock;
    },
    tenantId,
    async tenant(overrides = {}) {
      const tenant = sampleTenant({ tenantId: tenantId(), ...overrides });
      await world().ports.tenants.create(tenant);
      return tenant.tenantId;
    },
    async pool() {
      const pool = `pool-${world().ids.nonce()}`;
      await world().preparePool?.(pool);
      return pool;
    },
    jobId: () => world().ids.next('job'),
    nonce: () => world().ids.nonce(),
    async pass(ms) {
      await world().pass?.(ms);
    },
    upload: (link, body) => world().upload(link, body),
    drop: (tenantId, name, body) => world().drop(tenantId, name, body),
    collect: (tenantId, name) => world().collect(tenantId, name),
    async eventually(check) {
      const { eventually } = world();
      await (eventually === undefined ? check() : eventually(check));
    },
  };
}

/** Every item of a paged read, in order. Fails when the pages do not end. */
export async function allPages<T>(read: (cursor?: string) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let page = await read();
  for (let pages = 1; pages <= pagesMax; pages += 1) {
    items.push(...page.items);
    if (page.cursor === null) return items;
    page = await read(page.cursor);
  }
  throw new Error(`still a cursor after ${pagesMax} pages`);
}

/** Calls `act` `times` times at once. */
export function atOnce<T>(times: number, act: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, index) => act(index)));
}
