import { afterEach, describe, expect, it } from 'vitest';
import { createMetricsInMemory } from '#core/observability/prometheus.ts';
import type { MetricsEndpoint } from './metrics-endpoint.ts';
import { serveMetrics } from './metrics-endpoint.ts';

let endpoint: MetricsEndpoint | undefined;
afterEach(() => endpoint?.close());

describe('the metrics endpoint of a worker', () => {
  it('gives what was told so far, as Prometheus reads it', async () => {
    const numbers = createMetricsInMemory();
    endpoint = await serveMetrics('127.0.0.1:0', numbers);
    numbers.tell('batch.begun', { batch_size: 3 }, { pool: 'demo' });

    const response = await fetch(`http://127.0.0.1:${endpoint.port}/metrics`);

    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toContain('pilotlight_batch_size_sum{pool="demo"} 3\n');
  });

  it('has no other path and takes nothing', async () => {
    endpoint = await serveMetrics('[::1]:0', createMetricsInMemory());
    const url = `http://[::1]:${endpoint.port}`;

    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(404);
  });

  it('is none unless the worker is told where to listen', async () => {
    expect((await serveMetrics(undefined, createMetricsInMemory())).port).toBeNull();
  });

  it('says so when something else listens there', async () => {
    endpoint = await serveMetrics('127.0.0.1:0', createMetricsInMemory());

    await expect(serveMetrics(`127.0.0.1:${endpoint.port}`, createMetricsInMemory())).rejects.toMatchObject({
      code: 'port_in_use',
    });
  });
});
