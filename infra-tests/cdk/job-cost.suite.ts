import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { entries } from '../../cdk/entries.ts';
import { jobCost } from '../../cdk/job-cost.ts';
import { jobUnits } from '../../cdk/job-units.ts';
import { examples, synthesize } from './synthesized.ts';

const dollar = 1_000_000;
const root = dirname(dirname(import.meta.dirname));
const figures = JSON.parse(readFileSync(join(root, 'docs/benchmarks/units.json'), 'utf8'));

/** The API's function of 1 GB on ARM, and nothing else. */
const resources = [
  {
    type: 'AWS::Lambda::Function',
    properties: { Description: entries.api.description, MemorySize: 1024, Architectures: ['arm64'] },
  },
];

function dollarsOf(counts: Record<string, number>, of = resources) {
  const { lines } = jobCost(counts, of);
  return Object.fromEntries(
    lines.map(({ what, usdMicrosPerMillion }) => [what, usdMicrosPerMillion / dollar]),
  );
}

describe('a million jobs', () => {
  it.each([
    [{ 'dynamodb write units': 4 }, { 'DynamoDB: writes': 2.5 }],
    [{ 'dynamodb index write units': 2 }, { 'DynamoDB: writes of indexes': 1.25 }],
    [{ 'dynamodb read units': 8 }, { 'DynamoDB: reads': 1 }],
    [{ 'sqs requests': 3 }, { 'SQS: requests': 1.5 }],
    [
      { 's3 puts': 1, 's3 gets': 1 },
      { 'S3: puts': 5, 'S3: gets': 0.4 },
    ],
    [{ 'worker log bytes': 1024 ** 3 / 1_000_000 }, { 'CloudWatch: log lines of workers': 0.5 }],
  ])('of %o each cost %o dollars', (counts, dollars) => {
    expect(dollarsOf(counts)).toEqual(dollars);
  });

  it('of two requests each pay the gateway, the function and its time by its memory', () => {
    expect(dollarsOf({ 'api requests': 2 })).toMatchObject({
      'API Gateway: requests': 7,
      'Lambda: requests': 0.4,
      // Two times 50 ms of 1 GB, at $13.3334 for a million GB-seconds.
      'Lambda: GB-seconds (1024 MB, arm64)': 1.33334,
    });
  });

  it('pay a web ACL and the traces that the templates have them recorded by', () => {
    const rule = { type: 'AWS::XRay::SamplingRule', properties: { SamplingRule: { FixedRate: 0.05 } } };
    const acl = { type: 'AWS::WAFv2::WebACL', properties: {} };

    expect(dollarsOf({ 'api requests': 2 }, [...resources, rule, acl] as typeof resources)).toMatchObject({
      'WAF: requests': 1.2,
      'X-Ray: traces': 0.5,
    });
  });

  it('come to the sum of their lines, the dearest first', () => {
    const { lines, usdMicrosPerMillion } = jobCost(
      { 's3 puts': 1, 's3 gets': 1, 'sqs requests': 2 },
      resources,
    );

    expect(lines.map(({ what }) => what)).toEqual(['S3: puts', 'SQS: requests', 'S3: gets']);
    expect(usdMicrosPerMillion).toBe(6.4 * dollar);
  });

  it('name what they ask for that nobody looked up a price for', () => {
    expect(jobCost({ 'kinesis puts': 1 }, resources).unknown).toEqual(['kinesis puts']);
  });

  it('cannot be priced where no function answers', () => {
    expect(() => jobCost({ 'api requests': 1 }, [])).toThrow('no function of the templates answers the API');
  });
});

describe('the units of a job', () => {
  it('are those that the benchmark counted last', () => {
    const counted = figures.rows.map(({ what, jobs: _jobs, ...counts }: Record<string, unknown>) => ({
      what,
      counts,
    }));

    expect(jobUnits).toEqual(counted);
  });

  it.each(Object.entries(examples))('each have a price in the deployment %s', (_, config) => {
    const { resources: made } = synthesize(config);
    const costs = jobUnits.map(({ counts }) => jobCost(counts, made));

    expect(costs.flatMap(({ unknown }) => unknown)).toEqual([]);
    for (const { lines, usdMicrosPerMillion } of costs) {
      expect(lines.map(({ what }) => what)).toContain('Lambda: GB-seconds (512 MB, arm64)');
      expect(usdMicrosPerMillion).toBeGreaterThan(10 * dollar);
      expect(usdMicrosPerMillion).toBeLessThan(100 * dollar);
    }
  });
});
