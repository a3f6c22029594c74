import type { SQSBatchResponse } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBlobClient } from '#aws/clients.ts';
import { dropNotice } from '#aws/drop-notice.ts';
import { dropsOf } from '#aws/drops-under-test.ts';
import { dropInKey } from '#aws/keys.ts';
import { createBatchWorld, lineOf } from '#sim/memory/batch-world.ts';
import type { EntryScene } from '../entry-scene.ts';
import { createEntryScene } from '../entry-scene.ts';
import { createDropsHandler } from './handler.ts';

let scene: EntryScene;
let handler: (event: unknown) => Promise<SQSBatchResponse>;

beforeAll(async () => {
  scene = await createEntryScene();
  ({ handler } = await import('./entry.ts'));
});

afterAll(() => scene.close());

/** As SQS invokes a function. */
const eventOf = (...bodies: readonly string[]) => ({
  Records: bodies.map((body, index) => ({ messageId: `m${index}`, body, eventSource: 'aws:sqs' })),
});
const testEvent = JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'bucket' });

describe('the function behind the queue of dropped files', () => {
  it('makes one batch of a file in the bucket, however often it is told of it', async () => {
    const { config, ports, tenant } = scene;
    const { tenantId } = tenant;
    const { drop } = dropsOf(createBlobClient(config), config.bucket);
    await drop(tenantId, 'a b/März+1.jsonl', Buffer.from(`${lineOf('a')}\n`));
    const notice = dropNotice(dropInKey(tenantId, 'a b/März+1.jsonl'));

    const answer = await handler(eventOf(testEvent, notice, notice));

    expect(answer).toEqual({ batchItemFailures: [] });
    const { items } = await ports.batches.list(tenantId, { limit: 10 });
    expect(items).toMatchObject([
      { status: 'validating', dropName: 'a b/März+1.jsonl', endpoint: '/v1/jobs' },
    ]);
  });

  it('puts away what names no dropped file, and refuses an event that is none of SQS', async () => {
    const world = await createBatchWorld();
    const answer = createDropsHandler(world);
    const foreign = [
      'tenants/a/batch/in/x.jsonl',
      'batch/in/x.jsonl',
      'batch/in/a/../b/x.jsonl',
      'batch/in/a/%',
    ];

    const bodies = ['no JSON', '{"Records":[{}]}', ...foreign.map(dropNotice)];
    expect(await answer(eventOf(...bodies, '{"Records":[{"s3":{"object":{"key":"%"}}}]}'))).toEqual({
      batchItemFailures: [],
    });

    // The last but one is a name like any other, of a file that is not there.
    expect(world.log.events()).toEqual([
      ...Array.from({ length: 5 }, () => 'drop.unreadable'),
      'drop.gone',
      'drop.unreadable',
    ]);
    await expect(answer({ detail: {} })).rejects.toThrow(/Records/);
  });

  it('keeps the message that could not be answered, and answers the others', async () => {
    const world = await createBatchWorld();
    const { tenantId } = world.tenant;
    for (const name of ['a.jsonl', 'b.jsonl'])
      world.drops.drop(tenantId, name, Buffer.from(`${lineOf('a')}\n`));
    const drops = {
      ...world.drops,
      async look(of: string, name: string) {
        if (name === 'a.jsonl') throw new Error('the store is away');
        return world.drops.look(of, name);
      },
    };

    const answer = await createDropsHandler({ ...world, drops })(
      eventOf(...['a.jsonl', 'b.jsonl'].map((name) => dropNotice(dropInKey(tenantId, name)))),
    );

    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
    expect((await world.batches.list(tenantId, { limit: 10 })).items).toHaveLength(1);
    expect(world.log.events()).toEqual(['drop.failed', 'drop.taken']);
  });
});
