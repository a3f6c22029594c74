/** Promises of the `Endpoints` and `Deliveries` ports. */
import { describe, expect, it } from 'vitest';
import { webhookLimits } from '../limits.ts';
import { sampleDelivery, sampleEndpoint, sampleJob, sampleNowMs } from '../samples.ts';
import type { DeliveryRecord } from '../webhook/delivery.ts';
import { claimed, delivered, deliveriesOf, givenUp, postponed, replayed } from '../webhook/delivery.ts';
import { rotated } from '../webhook/endpoint.ts';
import type { Scene } from './scene.ts';
import { allPages, atOnce } from './scene.ts';

export function webhooksContract(scene: Scene): void {
  endpointsContract(scene);
  deliveriesContract(scene);
  turnsContract(scene);
}

function endpointsContract(scene: Scene): void {
  describe('Endpoints', () => {
    it('gives back every field, and answers for nobody else', async () => {
      const { endpoints } = scene.ports;
      const [tenantId, other] = [scene.tenantId(), scene.tenantId()];
      const plain = sampleEndpoint({ tenantId });
      const full = sampleEndpoint({
        tenantId,
        endpointId: 'whe_00000000000000000000000002',
        url: 'https://hooks.example/a?b=c%20d&é',
        failingSinceMs: 5,
        disabled: { reason: 'failing', atMs: 6 },
        secrets: [
          { version: 1, untilMs: 7 },
          { version: 2, untilMs: null },
        ],
      });

      for (const each of [plain, full]) expect(await endpoints.put(each)).toBe('stored');

      expect(await endpoints.get(tenantId, full.endpointId)).toEqual(full);
      expect(await endpoints.list(tenantId)).toEqual([plain, full]);
      expect(await endpoints.get(other, full.endpointId)).toBeNull();
      expect(await endpoints.list(other)).toEqual([]);
      expect(await endpoints.remove(other, full.endpointId)).toBe('missing');
    });

    it('stores a record over the version before it and over no other', async () => {
      const { endpoints } = scene.ports;
      const first = sampleEndpoint({ tenantId: scene.tenantId() });
      await endpoints.put(first);

      const second = rotated(first, sampleNowMs, 0);
      const outcomes = await atOnce(8, () => endpoints.put(second));

      expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
      expect(await endpoints.put(first)).toBe('conflict');
      expect(await endpoints.put({ ...second, version: 4 })).toBe('conflict');
      expect(await endpoints.get(first.tenantId, first.endpointId)).toEqual(second);
    });

    it('removes one for good, once', async () => {
      const { endpoints } = scene.ports;
      const endpoint = sampleEndpoint({ tenantId: scene.tenantId() });
      await endpoints.put(endpoint);

      expect(await endpoints.remove(endpoint.tenantId, endpoint.endpointId)).toBe('removed');

      expect(await endpoints.remove(endpoint.tenantId, endpoint.endpointId)).toBe('missing');
      expect(await endpoints.list(endpoint.tenantId)).toEqual([]);
      expect(await endpoints.put({ ...endpoint, version: 2 })).toBe('conflict');
    });
  });
}

function deliveriesContract(scene: Scene): void {
  describe('Deliveries', () => {
    it('gives back every field through all that may become of one', async () => {
      const { deliveries } = scene.ports;
      const now = scene.clock.nowMs();
      const seen = { atMs: now, durationMs: 12, status: 503, error: null } as const;
      const first = sampleDelivery({ tenantId: scene.tenantId(), url: 'https://hooks.example/?é' });
      const steps = [first, claimed(first, now)];
      const grow = (change: (last: DeliveryRecord) => DeliveryRecord) =>
        steps.push(change(steps.at(-1) ?? first));
      grow((last) => postponed(last, seen, 5_000, now));
      grow((last) => givenUp(last, 'refused', now, { ...seen, status: null, error: 'address_private' }));
      grow((last) => replayed(last, now));
      grow((last) => delivered(last, { ...seen, status: 200 }));

      for (const step of steps) {
        expect(await deliveries.put(step)).toBe('stored');
        expect(await deliveries.get(step.tenantId, step.endpointId, step.deliveryId)).toEqual(step);
      }
    });

    it('records an event once, whoever records it again', async () => {
      const { deliveries } = scene.ports;
      const delivery = sampleDelivery({ tenantId: scene.tenantId() });

      const outcomes = await atOnce(8, () => deliveries.put(delivery));
      const taken = claimed(delivery, scene.clock.nowMs());
      await deliveries.put(taken);

      expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
      expect(await deliveries.put(delivery)).toBe('conflict');
      const { tenantId, endpointId, deliveryId } = delivery;
      expect(await deliveries.get(tenantId, endpointId, deliveryId)).toEqual(taken);
    });

    it('lets one of many claim a delivery', async () => {
      const { deliveries } = scene.ports;
      const delivery = sampleDelivery({ tenantId: scene.tenantId() });
      await deliveries.put(delivery);

      const outcomes = await atOnce(8, (index) => deliveries.put(claimed(delivery, index)));

      expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
    });

    it("answers for no other tenant and no other endpoint, and lists one endpoint's, newest first", async () => {
      const { deliveries } = scene.ports;
      const [tenantId, other] = [scene.tenantId(), scene.tenantId()];
      const many = Array.from({ length: 120 }, (_, index) => deliveryAt(scene, tenantId, 1_000 * index));
      const foreign = deliveryAt(scene, other, 0);
      const elsewhere = { ...deliveryAt(scene, tenantId, 0), endpointId: 'default' };

      await atOnce(many.length, (index) => deliveries.put(many[index] ?? foreign));
      for (const each of [foreign, elsewhere]) await deliveries.put(each);

      const { endpointId, deliveryId } = foreign;
      const listed = await allPages((cursor) => deliveries.list(tenantId, endpointId, cursor));
      expect(listed).toEqual(many.toReversed());
      expect(await deliveries.get(tenantId, endpointId, deliveryId)).toBeNull();
      expect(await deliveries.get(other, 'default', deliveryId)).toBeNull();
      expect((await deliveries.list(other, 'default')).items).toEqual([]);
    });

    it('shows what is over until its time in the log ends, and what is pending always', async () => {
      const { deliveries } = scene.ports;
      const tenantId = scene.tenantId();
      const now = scene.clock.nowMs();
      const pending = deliveryAt(scene, tenantId, -30 * 24 * 3_600_000);
      const over = givenUp(deliveryAt(scene, tenantId, 0), 'gone', now - webhookLimits.logKeptMs - 1_000);
      const shown = givenUp(deliveryAt(scene, tenantId, 0), 'gone', now - webhookLimits.logKeptMs + 60_000);

      for (const each of [pending, over, shown]) await deliveries.put({ ...each, version: 1 });

      const { endpointId } = pending;
      const listed = await allPages((cursor) => deliveries.list(tenantId, endpointId, cursor));
      expect(listed.map(({ deliveryId }) => deliveryId)).toEqual([shown.deliveryId, pending.deliveryId]);
      expect(await deliveries.get(tenantId, endpointId, over.deliveryId)).toBeNull();
    });

    it('knows what is due, earliest first, and leaves out what waits or is over', async () => {
      const { deliveries } = scene.ports;
      const tenantId = scene.tenantId();
      const now = sampleNowMs;
      const at = (nextAtMs: number) => ({ ...deliveryAt(scene, tenantId, 0), nextAtMs });
      const [late, soon, exact, later] = [at(now - 5), at(now - 9), at(now), at(now + 1)] as const;
      const over = {
        ...delivered(at(now), { atMs: now, durationMs: 1, status: 200, error: null }),
        version: 1,
      };

      for (const each of [late, soon, exact, later, over]) await deliveries.put(each);
      await deliveries.put(deliveryAt(scene, scene.tenantId(), 0));

      await scene.eventually(async () => {
        expect(await deliveries.due(tenantId, now, 10)).toEqual([soon, late, exact]);
        expect(await deliveries.due(tenantId, now, 2)).toEqual([soon, late]);
      });
    });
  });
}

function turnsContract(scene: Scene): void {
  describe('Deliveries, turns', () => {
    it('come with the earliest delivery that was put, by whichever outcome', async () => {
      const { deliveries } = scene.ports;
      const tenantId = scene.tenantId();
      const [first, second] = [deliveryAt(scene, tenantId, 5_000), deliveryAt(scene, tenantId, 1_000)];

      await deliveries.put(first);
      await scene.eventually(async () => expect(await hasTurn(scene, tenantId, 4_999)).toBe(false));
      await scene.eventually(async () => expect(await hasTurn(scene, tenantId, 5_000)).toBe(true));
      await deliveries.put(second);
      await deliveries.put(first);

      await scene.eventually(async () => expect(await hasTurn(scene, tenantId, 999)).toBe(false));
      await scene.eventually(async () => expect(await hasTurn(scene, tenantId, 1_000)).toBe(true));
    });

    it('move to the earliest that is pending, a look away at most', async () => {
      const { deliveries } = scene.ports;
      const tenantId = scene.tenantId();
      const delivery = deliveryAt(scene, tenantId, 0);
      const at = (ms: number) => sampleNowMs + ms;
      await deliveries.put(delivery);
      await deliveries.put({ ...claimed(delivery, at(0)), nextAtMs: at(30_000) });

      await scene.eventually(async () => {
        await deliveries.rest(tenantId, at(10));
        expect(await hasTurn(scene, tenantId, 29_999)).toBe(false);
      });
      await scene.eventually(async () => expect(await hasTurn(scene, tenantId, 30_000)).toBe(true));
      await deliveries.put({ ...claimed(delivery, at(0)), nextAtMs: at(9_000_000), version: 3 });
      await scene.eventually(async () => {
        await deliveries.rest(tenantId, at(10));
        expect(await hasTurn(scene, tenantId, webhookLimits.turnLookMs + 9)).toBe(false);
      });
      expect(await hasTurn(scene, tenantId, webhookLimits.turnLookMs + 10)).toBe(true);
    });

    it('are forgotten when nothing is pending and nothing was put for long, and no sooner', async () => {
      const { deliveries } = scene.ports;
      const tenantId = scene.tenantId();
      const first = deliveryAt(scene, tenantId, 0);
      const seen = { atMs: sampleNowMs, durationMs: 1, status: 200, error: null };
      const putAtMs = scene.clock.nowMs();
      const far = 100 * webhookLimits.turnKeptMs + putAtMs;
      await deliveries.put(first);

      await deliveries.rest(tenantId, far);
      expect(await turnsBy(scene, far + webhookLimits.turnLookMs)).toContain(tenantId);
      await deliveries.put(delivered(first, seen));
      await scene.eventually(async () => {
        await deliveries.rest(tenantId, putAtMs);
        expect(await turnsBy(scene, putAtMs + webhookLimits.turnLookMs)).toContain(tenantId);
      });
      await scene.eventually(async () => {
        await deliveries.rest(tenantId, far);
        expect(await turnsBy(scene, far * 2)).not.toContain(tenantId);
      });
    });

    it('are never lost to a rest that runs beside a put', async () => {
      const { deliveries } = scene.ports;
      const tenantIds = Array.from({ length: 10 }, () => scene.tenantId());
      const far = sampleNowMs + 100 * webhookLimits.turnKeptMs;

      await atOnce(60, async (index) => {
        const tenantId = tenantIds[index % 10] ?? '';
        if (Math.floor(index / 10) % 2 === 0) await deliveries.put(deliveryAt(scene, tenantId, index));
        else await deliveries.rest(tenantId, far);
      });

      await scene.eventually(async () => {
        expect(await turnsBy(scene, far + webhookLimits.turnLookMs)).toEqual(
          expect.arrayContaining(tenantIds),
        );
      });
    });
  });
}

/** Of another job each, `ms` after the sample's now. */
function deliveryAt(scene: Scene, tenantId: string, ms: number): DeliveryRecord {
  const finishedAtMs = sampleNowMs + ms;
  const ended = { status: 'canceled', place: { kind: 'done' }, finishedAtMs } as const;
  const job = sampleJob({ tenantId, jobId: scene.jobId(), ...ended });
  const [delivery] = deliveriesOf(job, [sampleEndpoint({ tenantId })]);
  return delivery ?? sampleDelivery();
}

function turnsBy(scene: Scene, nowMs: number): Promise<string[]> {
  return allPages((cursor) => scene.ports.deliveries.turns(nowMs, cursor));
}

async function hasTurn(scene: Scene, tenantId: string, afterMs: number): Promise<boolean> {
  return (await turnsBy(scene, sampleNowMs + afterMs)).includes(tenantId);
}
