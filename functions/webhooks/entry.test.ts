import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OutboundRequest } from '#core/egress/outbound.ts';
import { submit } from '#core/flows/submit.ts';
import { webhookLimits } from '#core/limits.ts';
import { sampleEndpoint } from '#core/samples.ts';
import { createFlowWorld, submission } from '#sim/memory/flow-world.ts';
import type { EntryScene } from '../entry-scene.ts';
import { createEntryScene } from '../entry-scene.ts';
import { createWebhooksHandler, lastTryMs } from './handler.ts';

const webhookKey = 'a webhook key that only tests know, 32+';
const anHour = { getRemainingTimeInMillis: () => 3_600_000 };

describe('the function that delivers webhooks', () => {
  let scene: EntryScene;
  let handler: ReturnType<typeof createWebhooksHandler>;

  beforeAll(async () => {
    scene = await createEntryScene({ PILOTLIGHT_WEBHOOK_KEY: webhookKey });
    ({ handler } = await import('./entry.ts'));
  });

  afterAll(() => scene.close());

  it('ends at once when nothing is due', async () => {
    await handler({ source: 'aws.events' }, anHour);
  });

  it('tries what is due, over the guard that reaches no private address, and records it', async () => {
    const endpoint = sampleEndpoint({ url: 'https://127.0.0.1/hook', events: ['job.queued'] });
    await scene.ports.endpoints.put(endpoint);
    await scene.submitJob();

    await handler({ Records: [] }, anHour);

    const { items } = await scene.ports.deliveries.list(endpoint.tenantId, endpoint.endpointId);
    expect(items).toMatchObject([
      { event: 'job.queued', status: 'failed', reason: 'refused', triesSpent: 1 },
    ]);
  });
});

describe('a run whose time is nearly up', () => {
  it('waits for the try that is under way, and records it', async () => {
    const world = await createFlowWorld();
    await world.endpoints.put(sampleEndpoint({ events: ['job.queued'] }));
    await submit(world, submission(world.tenant));
    const { promise: asked, resolve: ask } = Promise.withResolvers<OutboundRequest>();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const outbound = {
      async send(request: OutboundRequest) {
        ask(request);
        await answered;
        return { kind: 'failed', reason: 'timeout', detail: '' } as const;
      },
    };
    const handler = createWebhooksHandler({ ...world, outbound, webhookKey, chance: () => 0 });
    const steps: string[] = [];

    // Nothing is left beyond what the last try needs.
    const run = handler({}, { getRemainingTimeInMillis: () => lastTryMs }).then(() => steps.push('ended'));
    expect((await asked).timeoutMs).toBe(webhookLimits.timeoutMs);
    steps.push('answered');
    answer();
    await world.clock.advance(webhookLimits.tickMs);
    await run;

    expect(steps).toEqual(['answered', 'ended']);
    const { items } = await world.deliveries.list(world.tenant.tenantId, sampleEndpoint().endpointId);
    expect(items).toMatchObject([{ status: 'pending', triesSpent: 1 }]);
  });
});
