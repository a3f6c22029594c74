import { describe, expect, it } from 'vitest';
import { createMetricsInMemory } from '#core/observability/prometheus.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/metrics';

describe('200', () => {
  it('is the text that Prometheus scrapes', async () => {
    const numbers = createMetricsInMemory();
    const scene = await createAdminScene({ change: { metrics: numbers, metricsText: numbers.text } });
    await scene.ask('adminGetPool', '/admin/v1/pools/other');

    const got = await scene.ask('adminReadMetrics', path);

    expect(got.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(got.text).toContain('pilotlight_requests_refused_total{code="not_found"} 1\n');
  });
});

describe('400', () => {
  it('refuses a query that it does not take', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminReadMetrics', `${path}?pool=demo`)).status).toBe(400);
  });
});

describe('404', () => {
  it('says where the metrics are of a deployment whose functions share the work', async () => {
    const scene = await createAdminScene();

    const { status, json } = await scene.ask('adminReadMetrics', path);

    expect(status).toBe(404);
    expect(json.error.message).toBe('The metrics of this deployment are in CloudWatch.');
  });
});
