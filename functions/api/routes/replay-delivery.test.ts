import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { answered } from '#sim/memory/memory-outbound.ts';
import { hookUrl, webhookScene } from '../webhook-scene.ts';

/** A webhook and a message to it that was sent, however it went. */
async function sentScene(status: number, given: Parameters<typeof webhookScene>[0] = {}) {
  const opened = await webhookScene(given);
  const { scene, key, outbound, create, deliver } = opened;
  const { id } = await create();
  outbound.listen(hookUrl, () => answered(status));
  await scene.finish(await scene.submit());
  await deliver();
  const log = async () =>
    (await scene.send('listDeliveries', `/v1/webhooks/${id}/deliveries`, { key })).json.data;
  const [delivery] = await log();
  const replay = () =>
    scene.send('replayDelivery', `/v1/webhooks/${id}/deliveries/${delivery.id}/replay`, { key });
  return { ...opened, log, replay };
}

describe('202', () => {
  it('sends the message again, under the same id', async () => {
    const { outbound, replay, deliver, log } = await sentScene(200);

    const got = await replay();
    await deliver();

    expect(got.json).toMatchObject({ status: 'pending', tries: [{ status: 200 }] });
    const ids = outbound.received.map(({ headers }) => headers['webhook-id']);
    expect(ids).toEqual([got.json.id, got.json.id]);
    expect(await log()).toMatchObject([{ status: 'delivered', tries: [{ status: 200 }, { status: 200 }] }]);
  });
});

describe('409', () => {
  it('lets a message that is on its way be', async () => {
    const { replay } = await sentScene(500);

    expect((await replay()).json.error).toMatchObject({
      code: 'conflict',
      message: 'The message is on its way.',
    });
  });

  it('sends nothing to a disabled webhook', async () => {
    const { replay } = await sentScene(410);

    expect((await replay()).json.error).toMatchObject({ message: expect.stringContaining('disabled') });
  });

  it('says that a job past its retention has no message any more', async () => {
    const { scene, replay } = await sentScene(200, {
      tenant: sampleTenant({ overrides: { retention_days: 1 } }),
    });
    await scene.clock.advance(25 * 3_600_000);

    expect((await replay()).json.error).toMatchObject({ message: expect.stringContaining('retention') });
  });
});
