/** `pilotlight cost` as a person types it: from a config alone, without an account and without credentials. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { captureIo } from '../../cli/captured-io.ts';
import { main } from '../../cli/main.ts';

const pool = { instanceType: 'g6.xlarge', models: ['pilotlight-shapes'], workersMax: 2 };

async function run(config: object, ...args: readonly string[]) {
  const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-cost-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'own.config.ts'), `export const config = ${JSON.stringify(config)};\n`);
  const io = captureIo({ cwd });
  const code = await main(['cost', '--config', 'own.config.ts', ...args], io);
  return { code, out: io.stdout(), err: io.stderr() };
}

describe('pilotlight cost', () => {
  it('tells the idle bill, a million jobs part by part, and an hour of each pool', {
    timeout: 60_000,
  }, async () => {
    const { code, out, err } = await run({ region: 'us-east-1', pools: { demo: pool } });

    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^ +\$\d\.\d\d {2}a month idle/m);
    expect(out).toMatch(/^ +\$\d+\.\d\d {2}a month for each warm instance of demo, stopped$/m);
    expect(out).toMatch(/^ +\$10\.50 .*API Gateway: requests$/m);
    expect(out).toMatch(/a million jobs$/m);
    expect(out).toContain('$0.80  an hour of g6.xlarge on demand: demo');
    expect(out).not.toContain('not counted');
  });

  it('tells the idle bill alone when asked, with what each warm instance adds', {
    timeout: 60_000,
  }, async () => {
    const warm = { region: 'us-east-1', pools: { demo: { ...pool, warmInstances: 1 } } };

    const { out } = await run(warm, '--idle', '--json');

    const { idle, ...rest } = JSON.parse(out);
    expect(Object.keys(rest).toSorted()).toEqual(['instances', 'object', 'prices_of', 'region']);
    expect(idle.not_counted).toEqual([]);
    expect(idle.lines).toContainEqual({
      what: 'demo: stopped instances, their disks',
      count: 1,
      usd_micros_per_month: rest.instances[0].warm_usd_micros_per_month,
    });
    expect(rest.instances[0].warm_usd_micros_per_month).toBeGreaterThan(0);
  });

  it('gives programs the sum of its lines', async () => {
    const { out } = await run({ region: 'us-east-1', pools: { demo: pool } }, '--json');

    for (const { usd_micros_per_million: sum, lines } of JSON.parse(out).jobs) {
      const parts = lines.map((line: Record<string, number>) => line.usd_micros_per_million);
      expect(parts.reduce((left: number, right: number) => left + right, 0)).toBe(sum);
    }
    expect(JSON.parse(out).instances).toMatchObject([
      { pool: 'demo', instance_type: 'g6.xlarge', usd_micros_per_hour: 804_800 },
    ]);
  });

  it('ends with 2 and every fault of the config', async () => {
    const { code, out, err } = await run({
      region: 'us-east-1',
      pools: { demo: { ...pool, instanceType: 'p9.huge', workersMax: 0 } },
    });

    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('pools.demo.instanceType');
    expect(err).toContain('pools.demo.workersMax');
  });
});
