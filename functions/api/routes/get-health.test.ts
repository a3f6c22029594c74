import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('tells the version and that every dependency answers, without a key', async () => {
    const scene = await createApiScene();

    const got = await scene.send('getHealth', '/health', { key: null });

    expect(got.json).toEqual({
      status: 'ok',
      version: '0.0.0-test',
      dependencies: { table: 'ok', queue: 'ok' },
    });
    expect(scene.clock.nextWakeMs()).toBeNull();
  });
});

describe('503', () => {
  it('says when a dependency fails, and in the log which', async () => {
    const scene = await createApiScene();
    const tickets = { ...scene.tickets, depth: async () => Promise.reject(new Error('no such queue')) };
    const failing = await createApiScene({ change: { tickets } });

    const got = await failing.send('getHealth', '/health', { key: null });

    expect(got.json.error).toMatchObject({ code: 'unavailable', retryable: true });
    expect(got.headers['retry-after']).toBe('1');
    expect(got.text).not.toContain('queue');
    expect(failing.log.lines[0]?.fields.reason).toContain('queue: Error: no such queue');
  });

  it('does not wait for a dependency that is silent', async () => {
    const scene = await createApiScene();
    const pools = { ...scene.pools, read: () => new Promise<never>(() => undefined) };
    const silent = await createApiScene({ change: { clock: scene.clock, pools } });

    const answer = silent.send('getHealth', '/health', { key: null });
    await scene.clock.advance(2_000);

    expect((await answer).status).toBe(503);
  });
});
