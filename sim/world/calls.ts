/**
 * Every call that a process can make to the outside, and whether it writes. Typed over the ports, so that a method that
 * is added to a port cannot be left out of the world.
 */
import type { Outbound } from '#core/egress/outbound.ts';
import type { Fleet, Scaler } from '#core/ports/pools.ts';
import type { StoragePorts } from '#core/ports/storage.ts';

export interface OutsidePorts extends StoragePorts {
  readonly fleet: Fleet;
  readonly scaler: Scaler;
  readonly outbound: Outbound;
}

type CallTable = {
  readonly [Port in keyof OutsidePorts]: { readonly [Method in keyof OutsidePorts[Port]]: 'read' | 'write' };
};

export const calls = {
  tenants: { create: 'write', get: 'read', update: 'write', list: 'read' },
  keys: { create: 'write', get: 'read', list: 'read', expire: 'write', revoke: 'write', touch: 'write' },
  plans: { get: 'read', put: 'write', list: 'read' },
  aliases: { get: 'read', put: 'write', remove: 'write', list: 'read' },
  gates: {
    admit: 'write',
    release: 'write',
    start: 'write',
    stop: 'write',
    note: 'write',
    keep: 'write',
    lift: 'write',
    read: 'read',
    listOpen: 'read',
    rest: 'write',
  },
  jobs: {
    create: 'write',
    forbid: 'write',
    forbidAll: 'write',
    get: 'read',
    apply: 'write',
    list: 'read',
    line: 'read',
    lapsed: 'read',
    count: 'read',
  },
  jobEvents: { append: 'write', read: 'read' },
  streams: { open: 'write', close: 'write' },
  marks: { get: 'read', put: 'write' },
  ledger: {
    append: 'write',
    charge: 'read',
    refund: 'read',
    share: 'read',
    warmup: 'read',
    list: 'read',
    state: 'write',
    statements: 'read',
  },
  pools: {
    read: 'read',
    move: 'write',
    advance: 'write',
    calibrate: 'write',
    order: 'write',
    noteScaling: 'write',
    noteBoots: 'write',
    enlist: 'write',
    listOwn: 'read',
  },
  workers: { report: 'write', list: 'read' },
  // A receive writes: it hides what it hands out.
  tickets: { send: 'write', receive: 'write', delete: 'write', hide: 'write', depth: 'read' },
  results: { get: 'read', put: 'write', touch: 'write' },
  endpoints: { get: 'read', list: 'read', put: 'write', remove: 'write' },
  deliveries: { put: 'write', get: 'read', list: 'read', due: 'read', turns: 'read', rest: 'write' },
  adapters: {
    get: 'read',
    list: 'read',
    create: 'write',
    put: 'write',
    remove: 'write',
    total: 'read',
    listChanged: 'read',
    noteChange: 'write',
    settle: 'write',
  },
  adapterFiles: { uploadLink: 'read', read: 'read', remove: 'write', clear: 'write' },
  blobs: {
    put: 'write',
    link: 'read',
    get: 'read',
    read: 'read',
    write: 'write',
    uploadLink: 'read',
    remove: 'write',
  },
  files: { create: 'write', get: 'read', list: 'read', remove: 'write' },
  batches: { put: 'write', get: 'read', list: 'read', atWork: 'read' },
  drops: { look: 'read', read: 'read', write: 'write' },
  fleet: { status: 'read', setDesired: 'write' },
  scaler: { wake: 'write' },
  outbound: { send: 'write' },
} as const satisfies CallTable;

export type PortName = keyof typeof calls;

/** What stands behind a port, and goes down as one. */
export type Service = 'table' | 'queue' | 'blobs' | 'compute' | 'internet';

export const serviceOf: Readonly<Record<PortName, Service>> = {
  tenants: 'table',
  keys: 'table',
  plans: 'table',
  aliases: 'table',
  gates: 'table',
  jobs: 'table',
  jobEvents: 'table',
  streams: 'table',
  marks: 'table',
  ledger: 'table',
  pools: 'table',
  workers: 'table',
  results: 'table',
  endpoints: 'table',
  deliveries: 'table',
  adapters: 'table',
  files: 'table',
  batches: 'table',
  tickets: 'queue',
  adapterFiles: 'blobs',
  drops: 'blobs',
  blobs: 'blobs',
  fleet: 'compute',
  scaler: 'compute',
  // Receivers are drawn one by one: each has outages of its own.
  outbound: 'internet',
};

/** `caller port.method`: a call as it is made by one flow, or by one kind of process. */
export type Site = string;

export function isWrite(port: PortName, method: string): boolean {
  const methods: Readonly<Record<string, 'read' | 'write'>> = calls[port];
  return methods[method] === 'write';
}
