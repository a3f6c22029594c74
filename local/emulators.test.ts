import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AwsPorts } from '#aws/aws-ports.ts';
import { createAwsPorts } from '#aws/aws-ports.ts';
import { StartError } from '#core/errors.ts';
import { ticketLimits } from '#core/limits.ts';
import type { Ticket } from '#core/ports/tickets.ts';
import { sampleJob } from '#core/samples.ts';
import type { EmulatorOptions, Emulators } from './emulators.ts';
import { startEmulators } from './emulators.ts';

const pool = 'crash';
const tenantId = 'tenant-crash';

let dataDir: string;
const endings: (() => Promise<void>)[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-local-'));
});

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
  await rm(dataDir, { recursive: true });
});

describe('booting', () => {
  it('boots again in the same folder and finds everything', async () => {
    const first = await boot();
    const job = sampleJob({ tenantId, pool, jobId: first.ids.next('job') });
    await first.jobs.create(job);
    await first.tickets.send(ticketOf(job.jobId));
    await first.blobs.put(tenantId, 'a/b.png', Uint8Array.of(7), 'image/png');
    await first.end();

    const second = await boot();

    expect(await second.jobs.get(tenantId, job.jobId)).toEqual(job);
    expect(await second.jobs.line(pool, 'interactive', 9)).toHaveLength(1);
    expect(await second.tickets.receive(pool, 9, 0)).toMatchObject([ticketOf(job.jobId)]);
    expect([...((await second.blobs.get(tenantId, 'a/b.png')) ?? [])]).toEqual([7]);
  });

  it('keeps the tickets of a pool that is added again', async () => {
    const { emulators, tickets } = await boot();
    await tickets.send(ticketOf('job-1'));

    emulators.addPool(pool);

    expect(await tickets.depth(pool)).toEqual({ visible: 1, hidden: 0 });
  });

  it('cannot be reached from another machine', async () => {
    const { emulators } = await boot();
    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find((address) => address.family === 'IPv4' && !address.internal);

    for (const endpoint of Object.values(emulators.config.endpoints ?? {})) {
      const url = new URL(endpoint);
      expect(url.hostname).toBe('127.0.0.1');
      // A machine without a network has no outside address to try.
      if (outside === undefined) continue;
      await expect(fetch(`http://${outside.address}:${url.port}/`)).rejects.toThrow();
    }
  });
});

describe('a folder or port that cannot be used', () => {
  it('is `data_unwritable` when the folder cannot be made', async () => {
    await writeFile(join(dataDir, 'file'), '');

    expect(await fault({ dataDir: join(dataDir, 'file', 'data') })).toBe('data_unwritable');
  });

  it('is `data_in_use` while another stack serves from the folder', async () => {
    await boot();

    expect(await fault({})).toBe('data_in_use');
  });

  it('is `data_broken` when the tables cannot be read', async () => {
    await (await boot()).end();
    await writeFile(join(dataDir, 'dynamodb', 'CURRENT'), 'nonsense');

    expect(await fault({})).toBe('data_broken');
  });

  it('is `data_broken` when queues and blobs cannot be read', async () => {
    await mkdir(dataDir, { recursive: true });
    await writeFile(join(dataDir, 'fauxqs.db'), 'nonsense '.repeat(1_000));

    expect(await fault({})).toBe('data_broken');
  });

  it('is `port_in_use` when another server holds the port, and the folder is free again', async () => {
    const { emulators } = await boot();
    const taken = Number(new URL(emulators.config.endpoints?.sqs ?? '').port);
    const other = join(dataDir, 'other');

    expect(await fault({ dataDir: other, ports: { dynamodb: taken } })).toBe('port_in_use');
    expect(await fault({ dataDir: other, ports: { queuesAndBlobs: taken } })).toBe('port_in_use');
    await boot({ dataDir: other });
  });
});

describe('clients that vanish', () => {
  it('survives one that is gone before its answer', async () => {
    const { emulators, pools } = await boot();
    const { hostname, port } = new URL(emulators.config.endpoints?.dynamodb ?? '');

    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    // Half a request, then nothing more for ever.
    socket.write('POST / HTTP/1.1\r\nHost: local\r\nContent-Length: 100\r\n\r\n{');
    await pools.read(pool);
    socket.resetAndDestroy();

    expect(await pools.read(pool)).toMatchObject({ state: 'cold' });
    expect(await pools.read(pool)).toMatchObject({ state: 'cold' });
  });

  it('gives a ticket to a worker that waits, not to one that stopped waiting', async () => {
    const { tickets } = await boot();
    const stop = new AbortController();
    const gone = tickets.receive(pool, 1, 20_000, stop.signal);
    const { promise: waiting, resolve } = Promise.withResolvers<void>();
    // The depth is asked on another connection after the poll was sent; its answer shows the poll arrived.
    await tickets.depth(pool).then(() => resolve());
    await waiting;
    stop.abort();
    expect(await gone).toEqual([]);

    await tickets.send(ticketOf('job-1'));

    expect(await tickets.receive(pool, 1, 5_000)).toMatchObject([{ jobId: 'job-1', deliveries: 1 }]);
  });
});

describe('a process killed in mid-write', () => {
  it('loses nothing that was acknowledged, and leaves every job in exactly the line it belongs to', async () => {
    const acknowledged = await killAfter(400);
    const { jobs, tickets, blobs, clock } = await boot();

    const waiting = await jobs.line(pool, 'interactive', 10_000);
    const leased = await jobs.lapsed(pool, clock.nowMs() * 2, 10_000);
    const { visible, hidden } = await tickets.depth(pool);
    const standing = new Map([...waiting, ...leased].map((entry) => [entry.jobId, entry]));

    expect(standing.size).toBe(waiting.length + leased.length);
    expect(visible + hidden).toBeGreaterThanOrEqual(acknowledged.ticket.length);
    for (const jobId of acknowledged.blob) {
      const body = await blobs.get(tenantId, `jobs/${jobId}/1/0.png`);
      expect(Buffer.from(body ?? []).toString()).toBe(jobId);
    }
    // Unacknowledged ones too: a job may be missing altogether, but never torn from its line.
    for (const [jobId, entry] of standing) {
      const job = await jobs.get(tenantId, jobId);
      expect(entry.attempt).toBe(job?.attempt);
      expect(leased.includes(entry)).toBe(job?.place.kind === 'lease');
    }
    expect(acknowledged.waiting.filter((jobId) => !standing.has(jobId))).toEqual([]);
    for (const jobId of acknowledged.leased) expect(standing.get(jobId)?.attempt).toBe(1);
  });

  it('leaves the folder free for the next', async () => {
    await killAfter(1);

    await boot();
  });

  it('keeps held tickets held and their deliveries counted', async () => {
    const first = await boot();
    await first.tickets.send(ticketOf('job-1'));
    await first.tickets.send(ticketOf('job-2'));
    const held = await first.tickets.receive(pool, 2, 0);
    await first.tickets.hide(pool, held.slice(0, 1), 0);
    await first.end();

    const { tickets } = await boot();

    expect(await tickets.depth(pool)).toEqual({ visible: 1, hidden: 1 });
    expect(await tickets.receive(pool, 2, 0)).toMatchObject([{ jobId: held[0]?.jobId, deliveries: 2 }]);
  });
});

describe('a clock that was a day ahead', () => {
  afterEach(() => vi.useRealTimers());

  it('hides no ticket for longer than a worker may, once the stack has started under the right one', async () => {
    const trueMs = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: trueMs + 24 * 60 * 60 * 1000 });
    const first = await boot();
    await first.tickets.send(ticketOf('job-1'));
    await first.tickets.receive(pool, 1, 0);
    await first.end();

    vi.setSystemTime(trueMs);
    const second = await boot();
    expect(await second.tickets.depth(pool)).toEqual({ visible: 0, hidden: 1 });
    await second.end();
    vi.setSystemTime(trueMs + ticketLimits.visibilityMs + 1);
    const third = await boot();

    expect(await third.tickets.receive(pool, 1, 0)).toMatchObject([{ jobId: 'job-1', deliveries: 2 }]);
  });
});

interface Booted extends AwsPorts {
  readonly emulators: Emulators;
  end(): Promise<void>;
}

async function boot(options: Partial<EmulatorOptions> = {}): Promise<Booted> {
  const emulators = await startEmulators({ dataDir, pools: [pool], ...options });
  const ports = createAwsPorts(emulators.config);
  let ended: Promise<void> | undefined;
  const end = () => {
    ports.close();
    ended ??= emulators.close();
    return ended;
  };
  endings.push(end);
  return { ...ports, emulators, end };
}

/** The code of the fault that starting ends in. */
async function fault(options: Partial<EmulatorOptions>): Promise<string> {
  try {
    await boot(options);
  } catch (error) {
    if (error instanceof StartError) return error.code;
    throw error;
  }
  return 'none';
}

function ticketOf(jobId: string): Ticket {
  return { pool, tenantId, jobId };
}

const kinds = ['waiting', 'ticket', 'blob', 'leased'] as const;

/** Lets a child write until it acknowledged so many writes, kills it in the act, and answers what it acknowledged. */
async function killAfter(writes: number): Promise<Record<(typeof kinds)[number], string[]>> {
  const victim = fileURLToPath(new URL('emulators.crash-child.ts', import.meta.url));
  const child = spawn(process.execPath, [victim, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const acknowledged: Record<(typeof kinds)[number], string[]> = {
    waiting: [],
    ticket: [],
    blob: [],
    leased: [],
  };
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const kind = kinds.find((each) => line.startsWith(`${each} `));
    if (kind === undefined) throw new Error(`the child said: ${line}`);
    acknowledged[kind].push(line.slice(kind.length + 1));
    count += 1;
    if (count === writes) child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}
