import { describe, expect, it } from 'vitest';
import { answered } from '#sim/memory/memory-outbound.ts';
import { hookUrl, webhookScene } from '../webhook-scene.ts';

describe('202', () => {
  it('sends a message of its own kind, which the log shows', async () => {
    const { scene, key, outbound, create, deliver } = await webhookScene();
    const { id } = await create();

    const got = await scene.send('testWebhook', `/v1/webhooks/${id}/test`, { key });
    await deliver();

    expect(got.json).toMatchObject({ event: 'endpoint.test', job: null, status: 'pending', tries: [] });
    expect(outbound.received[0]?.headers['webhook-id']).toBe(got.json.id);
    const log = await scene.send('listDeliveries', `/v1/webhooks/${id}/deliveries`, { key });
    expect(log.json.data).toMatchObject([{ id: got.json.id, status: 'delivered' }]);
  });

  it('enables a disabled webhook when it gets through', async () => {
    const { scene, key, outbound, create, deliver } = await webhookScene();
    const { id } = await create();
    const path = `/v1/webhooks/${id}`;
    outbound.listen(hookUrl, (_request, tries) => answered(tries === 1 ? 410 : 200));
    await scene.send('testWebhook', `${path}/test`, { key });
    await deliver();
    expect((await scene.send('getWebhook', path, { key })).json.status).toBe('disabled');

    await scene.send('testWebhook', `${path}/test`, { key });
    await deliver();

    expect((await scene.send('getWebhook', path, { key })).json.status).toBe('active');
  });
});

describe('409', () => {
  it('lets one test at a time be on its way', async () => {
    const { scene, key, create, deliver } = await webhookScene();
    const { id } = await create();
    const test = () => scene.send('testWebhook', `/v1/webhooks/${id}/test`, { key });
    await test();

    expect((await test()).json.error).toMatchObject({ code: 'conflict' });
    await deliver();
    expect((await test()).status).toBe(202);
  });

  it('has no address where single jobs name theirs', async () => {
    const { scene, key } = await webhookScene();

    const got = await scene.send('testWebhook', '/v1/webhooks/default/test', { key });

    expect(got.json.error).toMatchObject({ code: 'conflict' });
  });
});
