/**
 * Items and messages as earlier versions of the adapters wrote them, read and changed by today's: during a deploy both
 * are there, and records outlive many versions. A change that alters what is stored adds a file of what it wrote before.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { lastingBucket } from '#core/admission/stored-bytes.ts';
import { applyTransition } from '#core/flows/apply.ts';
import { countAdapters } from '#core/flows/count-adapters.ts';
import { lineEntryOf } from '#core/job/job.ts';
import { claim } from '#core/job/transitions.ts';
import { sampleNowMs, sampleTenant } from '#core/samples.ts';
import type { Emulators } from '#local/emulators.ts';
import { startEmulators } from '#local/emulators.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import type { AwsPorts } from './aws-ports.ts';
import { createAwsPorts } from './aws-ports.ts';
import type { Clients } from './clients.ts';
import { createClients } from './clients.ts';

const folder = join(import.meta.dirname, 'past-versions');
const itemSchema = z.looseObject({ pk: z.string(), sk: z.string() });
const recordedSchema = z.strictObject({
  main: z.array(itemSchema),
  ledger: z.array(itemSchema),
  messages: z.array(z.string()),
});

const versions = readdirSync(folder).map((file) => file.replace('.json', ''));

describe.each(versions)('what the version %s wrote', (version) => {
  const recorded = recordedSchema.parse(JSON.parse(readFileSync(join(folder, `${version}.json`), 'utf8')));
  const log = createRecordingLog();
  let dataDir: string;
  let emulators: Emulators;
  let clients: Clients;
  let ports: AwsPorts;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'pilotlight-past-'));
    emulators = await startEmulators({ dataDir, pools: ['demo'] });
    clients = createClients(emulators.config);
    ports = createAwsPorts(emulators.config, { clock: createManualClock(sampleNowMs), log });
    const { table, ledgerTable } = emulators.config;
    for (const Item of recorded.main)
      await clients.documents.send(new PutCommand({ TableName: table, Item }));
    for (const Item of recorded.ledger) {
      await clients.documents.send(new PutCommand({ TableName: ledgerTable, Item }));
    }
  });

  afterAll(async () => {
    ports.close();
    clients.close();
    await emulators.close();
    rmSync(dataDir, { recursive: true });
  });

  it('is read by a port, every item of it, with what it said', async () => {
    const read = await Promise.all([...recorded.main, ...recorded.ledger].map((item) => readBy(ports, item)));

    for (const [index, record] of read.entries()) {
      const item = [...recorded.main, ...recorded.ledger][index];
      expect([item?.pk, item?.sk, record]).not.toContain(null);
    }
  });

  it('holds jobs with every field that they had', async () => {
    const items = recorded.main.filter(({ sk }) => sk.startsWith('J#'));
    expect(items).toHaveLength(3);

    for (const item of items) {
      const job = await ports.jobs.get('tenant-a', item.sk.slice(2), { consistent: true });
      // The input is stored as text: it is the tenant's, and no attribute of the table's.
      const fields = { ...item, input: JSON.parse(String(item.input)) };
      // `tag` is the index's: of a job under a lease, when that ends.
      const kept = Object.entries(fields).filter(([name]) => job !== null && name in job && name !== 'tag');
      // Keys of the item that are no field of the record: its own, those of the indexes, its end.
      expect(
        Object.keys(item)
          .filter((name) => job !== null && !(name in job))
          .toSorted(),
      ).toEqual(expect.arrayContaining(['created', 'pk', 'sk']));
      expect(job).toMatchObject(Object.fromEntries(kept));
    }
  });

  it('holds a job that today takes out of its line, and a gate that takes it to its end', async () => {
    const jobId = 'job_00000000000000000000000001';
    const job = await ports.jobs.get('tenant-a', jobId, { consistent: true });
    if (job === null) throw new Error('there is no such job');

    const claimed = await applyTransition(ports, job, claim(lineEntryOf(job), 'worker-2', sampleNowMs));

    expect(claimed).toMatchObject({ status: 'running', attempt: job.attempt + 1 });
    const gate = await ports.gates.read('tenant-a');
    expect(Object.keys(gate?.open ?? {})).toEqual([jobId]);
    const token = gate?.open[jobId] ?? '';
    const release = { token, corrections: [], finishTag: null };
    expect(await ports.gates.release('tenant-a', jobId, release)).toBe('released');
  });

  it('holds adapters that count as stored bytes from the next change on', async () => {
    const own = await ports.adapters.list('tenant-a');
    await ports.adapters.noteChange('tenant-a');

    await countAdapters(ports, 'tenant-a');

    const { stored = {} } = (await ports.gates.read('tenant-a')) ?? {};
    expect(stored[lastingBucket]).toBe(own.reduce((sum, { bytes }) => sum + bytes, 0));
    expect((await ports.adapters.listChanged()).items).toEqual([]);
  });

  it('is in lists', async () => {
    const listed = await ports.jobs.list('tenant-a', { limit: 10 });

    expect(listed.items).toHaveLength(3);
  });

  it('is a ticket in its queue', async () => {
    for (const MessageBody of recorded.messages) {
      const message = { QueueUrl: emulators.config.queueUrls.demo, MessageBody, MessageGroupId: 'tenant-a' };
      await clients.queues.send(new SendMessageCommand(message));
    }

    const tickets = await ports.tickets.receive('demo', 10, 0);

    expect(tickets).toHaveLength(recorded.messages.length);
    expect(log.events()).not.toContain('ticket_unreadable');
  });

  it('stays as it was where nothing changed it', async () => {
    const { Items = [] } = await clients.documents.send(
      new ScanCommand({ TableName: emulators.config.ledgerTable }),
    );

    expect(Items).toEqual(expect.arrayContaining(recorded.ledger));
  });
});

/** The record behind an item, by the port that owns it; null when that port finds none. */
async function readBy(
  ports: AwsPorts,
  { pk, sk }: { readonly pk: string; readonly sk: string },
): Promise<unknown> {
  const [kind = '', first = '', second = ''] = pk.split(/[#:]/);
  switch (`${kind} ${sk.replace(/^J#.*/, 'J')}`) {
    case 'T TENANT':
      return ports.tenants.get(first);
    case 'T GATE':
      return ports.gates.read(first);
    case 'T ADAPTERS':
      return (await ports.adapters.list(first))[0] ?? null;
    case 'T J':
      return ports.jobs.get(first, sk.slice(2), { consistent: true });
    case 'K KEY':
      return ports.keys.get(first);
    case 'PLAN PLAN':
      return ports.plans.get(first);
    case 'ALIAS ALIAS':
      return ports.aliases.get(first, second);
    case 'P STATE':
      return ports.pools.read(first);
    case 'W WORKER':
      return (await ports.workers.list('demo', 0)).items.find(({ workerId }) => workerId === first) ?? null;
    case 'N NAME':
      // Read by no port: it keeps a second tenant of this name away.
      return (await ports.tenants.create(sampleTenant({ tenantId: first.toUpperCase() }))) === 'exists';
  }
  if (kind === 'S') return (await ports.ledger.statements(first)).find(({ pool }) => pool === sk) ?? null;
  if (kind === 'L' && sk.startsWith('#share#'))
    return ports.ledger.share(first, second, sk.slice('#share#'.length));
  if (kind === 'L') return ports.ledger.charge(first, second, sk);
  throw new Error(`no port is known to read ${pk} ${sk}`);
}
