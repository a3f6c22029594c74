import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { metricNames } from '#core/observability/metrics.ts';
import { queries, queryText } from '../../cdk/queries.ts';

const told = readFileSync(join(import.meta.dirname, '../../core/observability/measured.ts'), 'utf8');

describe.each(Object.entries(queries))('the saved query "%s"', (_, query) => {
  const text = queryText(query);

  it('asks for numbers that the table of metrics has, in lines that are written', () => {
    const numbers = [...text.matchAll(/\b[a-z]+(?:_[a-z]+)+\b/g)].map(([name]) => name);
    const events = [...text.matchAll(/event = "([^"]+)"/g)].map(([, event]) => event);

    expect(numbers.filter((name) => !(metricNames as readonly string[]).includes(name))).toEqual([]);
    for (const event of events) expect(told).toContain(`'${event}'`);
    const isByText = text.includes('traceId') || text.includes('@message like');
    expect(numbers.length + events.length + Number(isByText)).toBeGreaterThan(0);
  });
});
