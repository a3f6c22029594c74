import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../cdk/config.ts';
import { idleCost } from '../../cdk/idle-cost.ts';
import { examples, manifests, synthesize } from './synthesized.ts';

const dollar = 1_000_000;

function costOf(input: unknown) {
  const outcome = parseConfig(input, manifests);
  if (outcome.kind === 'invalid') throw new Error(JSON.stringify(outcome.faults));
  return idleCost(synthesize(input).resources, outcome.config.pools);
}

describe('a month in which nobody asks', () => {
  it('costs three dollars at most without warm instances', () => {
    expect(costOf(examples.smallest).usdMicrosPerMonth).toBeLessThanOrEqual(3 * dollar);
    expect(costOf(examples['spot-farm']).usdMicrosPerMonth).toBeLessThanOrEqual(3 * dollar);
  });

  it('costs an agency its disks, its web ACL and its key', () => {
    const { lines, usdMicrosPerMonth } = costOf(examples.agency);

    expect(lines).toMatchObject([
      { what: 'AWS::KMS::Key', usdMicrosPerMonth: dollar },
      { what: 'AWS::WAFv2::WebACL', usdMicrosPerMonth: 7 * dollar },
      { what: 'metrics of alarms beyond the 10 that are free', usdMicrosPerMonth: expect.any(Number) },
      { what: 'z-image: stopped instances, their disks', count: 1, usdMicrosPerMonth: 17 * dollar },
      { what: 'qwen-vl: stopped instances, their disks', count: 1, usdMicrosPerMonth: 13 * dollar },
    ]);
    expect(usdMicrosPerMonth).toBeGreaterThanOrEqual(38 * dollar);
    expect(usdMicrosPerMonth).toBeLessThan(41 * dollar);
  });

  it('counts an instance that stays up by its hours, and the cards of one for as many workers', () => {
    const pool = {
      instanceType: 'g5.12xlarge',
      models: ['pilotlight-shapes'],
      workersMax: 8,
      workersMin: 5,
    } as const;
    const outcome = parseConfig({ region: 'us-east-1', pools: { demo: pool } }, manifests);
    if (outcome.kind === 'invalid') throw new Error(JSON.stringify(outcome.faults));

    const { lines } = idleCost([], outcome.config.pools);

    expect(lines.at(-1)).toEqual({
      what: 'demo: instances that stay up',
      count: 2,
      usdMicrosPerMonth: 2 * (5_672_000 * 730 + 13 * dollar),
    });
  });

  it('counts the metrics of alarms beyond the ten that are free', () => {
    const type = 'AWS::CloudWatch::Alarm';
    const plain = Array.from({ length: 9 }, () => ({ type, properties: {} }));
    const ofTwo = {
      type,
      properties: { Metrics: [{ Expression: 'a + b' }, { MetricStat: {} }, { MetricStat: {} }] },
    };

    expect(idleCost([...plain, ofTwo], {}).usdMicrosPerMonth).toBe(100_000);
    expect(idleCost(plain, {}).lines).toEqual([]);
  });

  it('counts the dashboards beyond the three that are free', () => {
    const dashboards = Array.from({ length: 4 }, () => ({
      type: 'AWS::CloudWatch::Dashboard',
      properties: {},
    }));

    expect(idleCost(dashboards, {}).usdMicrosPerMonth).toBe(3 * dollar);
    expect(idleCost(dashboards.slice(1), {}).lines).toEqual([]);
  });

  it.each(Object.entries(examples))('has a price for every type of resource of %s', (_, config) => {
    expect(costOf(config).unknown).toEqual([]);
  });

  it('names a type that nobody looked up, such as a NAT gateway', () => {
    expect(idleCost([{ type: 'AWS::EC2::NatGateway', properties: {} }], {}).unknown).toEqual([
      'AWS::EC2::NatGateway',
    ]);
  });
});
