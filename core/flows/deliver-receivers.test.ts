/** Real servers that behave as receivers do, through the guarded adapter that runs in production. */
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { certificateFor } from '#functions/egress/certificate-under-test.ts';
import { createGuardedOutbound } from '#functions/egress/guarded-outbound.ts';
import { resolveAsMachine } from '#functions/egress/resolve-host.ts';
import { ServersUnderTest } from '#functions/egress/servers-under-test.ts';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import { sampleEndpoint, sampleJob } from '../samples.ts';
import { announce } from './announce.ts';
import { createDeliverer } from './deliver.ts';

const servers = new ServersUnderTest();
afterEach(() => servers.stop());

const policy = { schemes: ['http', 'https'], ports: 'any', privateAddresses: 'allowed' } as const;
const guarded = createGuardedOutbound({ policy, resolveHost: resolveAsMachine });

/** What one try at this address comes to. */
async function tried(url: string, timeoutMs = 5_000) {
  const world = await createFlowWorld();
  const endpoint = sampleEndpoint({ url });
  await world.endpoints.put(endpoint);
  const job = sampleJob({ status: 'succeeded', place: { kind: 'done' }, finishedAtMs: world.clock.nowMs() });
  await world.jobs.create(job);
  await announce(world, job);
  // The test waits for the slow ones in real time.
  const outbound = {
    send: (request: Parameters<typeof guarded.send>[0]) => guarded.send({ ...request, timeoutMs }),
  };
  const deliverer = createDeliverer({ ...world, outbound, webhookKey: 'k'.repeat(32), chance: () => 0 });
  await deliverer.look();
  await deliverer.idle();
  const [delivery] = (await world.deliveries.list('tenant-a', endpoint.endpointId)).items;
  const after = await world.endpoints.get('tenant-a', endpoint.endpointId);
  const waitMs = delivery?.nextAtMs ? delivery.nextAtMs - world.clock.nowMs() : null;
  return { delivery, waitMs, disabled: after?.disabled?.reason ?? null };
}

const again = { status: 'pending', reason: null };

describe('a receiver', () => {
  it('that takes the message has it once, with nothing but what the specification names', async () => {
    let bytes = 0;
    const { port, seen } = await servers.http((request, response) => {
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () => response.writeHead(204).end());
    });

    const { delivery } = await tried(`http://127.0.0.1:${port}/hook?a=b`);

    expect(delivery).toMatchObject({ status: 'delivered', tries: [{ status: 204, error: null }] });
    expect(seen).toEqual([`POST /hook?a=b 127.0.0.1:${port}`]);
    expect(bytes).toBeGreaterThan(100);
  });

  it('that is down is tried again', async () => {
    const closed = createServer();
    const port = await new Promise<number>((resolve) => {
      closed.listen(0, '127.0.0.1', () => {
        const address = closed.address();
        closed.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
      });
    });

    const { delivery, waitMs } = await tried(`http://127.0.0.1:${port}/`);

    expect(delivery).toMatchObject({ ...again, tries: [{ status: null, error: 'connect' }] });
    expect(waitMs).toBe(5_000);
  });

  it('that never answers is left at the time-out and tried again', async () => {
    const { port } = await servers.http(() => undefined);

    const { delivery } = await tried(`http://127.0.0.1:${port}/`, 200);

    expect(delivery).toMatchObject({ ...again, tries: [{ status: null, error: 'timeout' }] });
  });

  it('that redirects is not followed and tried again where it was', async () => {
    const target = await servers.http((_request, response) => response.end());
    const { port } = await servers.http((_request, response) =>
      response.writeHead(301, { location: `http://127.0.0.1:${target.port}/` }).end(),
    );

    const { delivery } = await tried(`http://127.0.0.1:${port}/`);

    expect(delivery).toMatchObject({ ...again, tries: [{ status: 301, error: null }] });
    expect(target.seen).toEqual([]);
  });

  it('that is gone is told nothing more', async () => {
    const { port } = await servers.http((_request, response) => response.writeHead(410).end());

    const { delivery, disabled } = await tried(`http://127.0.0.1:${port}/`);

    expect(delivery).toMatchObject({ status: 'failed', reason: 'gone', tries: [{ status: 410 }] });
    expect(disabled).toBe('gone');
  });

  it('that answers without end has taken the message, and is not listened to', async () => {
    let sent = 0;
    const { port } = await servers.http((_request, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024))) sent += 64;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });

    const { delivery } = await tried(`http://127.0.0.1:${port}/`);

    expect(delivery).toMatchObject({ status: 'delivered', tries: [{ status: 200 }] });
    // KiB: what the sockets hold between them.
    expect(sent).toBeLessThan(20_000);
  });

  it('that asks for peace has it', async () => {
    const { port } = await servers.http((_request, response) =>
      response.writeHead(503, { 'retry-after': '90' }).end(),
    );

    const { delivery, waitMs } = await tried(`http://127.0.0.1:${port}/`);

    expect(delivery).toMatchObject({ ...again, tries: [{ status: 503 }] });
    expect(waitMs).toBe(90_000);
  });

  it('that hangs up is tried again', async () => {
    const { port } = await servers.tcp((socket) => socket.once('data', () => socket.destroy()));

    const { delivery } = await tried(`http://127.0.0.1:${port}/`);

    expect(delivery).toMatchObject({ ...again, tries: [{ status: null, error: 'reset' }] });
  });

  it('whose certificate nobody vouches for is told nothing and tried again', async () => {
    const { port, seen } = await servers.https(
      (_request, response) => response.end(),
      certificateFor('127.0.0.1'),
    );

    const { delivery } = await tried(`https://127.0.0.1:${port}/`);

    expect(delivery).toMatchObject({ ...again, tries: [{ status: null, error: 'tls' }] });
    expect(seen).toEqual([]);
  });

  it('at an address that the guard refuses is never asked', async () => {
    const { delivery } = await tried('http://169.254.169.254/latest/meta-data');

    expect(delivery).toMatchObject({
      status: 'failed',
      reason: 'refused',
      tries: [{ status: null, error: 'address_metadata' }],
    });
  });
});
