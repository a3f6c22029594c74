/** `pilotlight capacity` as a person types it, with and without a deployment to ask. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { createCatalog } from '#core/models/manifest.ts';
import { createAdminScene } from '#functions/api/admin-scene.ts';
import type { Gateway } from '#local/gateway.ts';
import { startGateway } from '#local/gateway.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { captureIo } from './captured-io.ts';
import { main } from './main.ts';

const int4 = {
  ...fakeManifest,
  id: 'fake-image-int4',
  memory: { ...fakeManifest.memory, weights_mb: 300 },
  variant: { of: 'fake-image', quant: 'int4' },
} as const;

let gateway: Gateway | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

/** Runs where no credentials are to be found. */
async function run(...args: readonly string[]) {
  const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-capacity-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const io = captureIo({ cwd });
  const code = await main(['capacity', ...args], io);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}

/** Flags that ask a deployment with the two models. */
async function deployment(): Promise<string[]> {
  const scene = await createAdminScene({ change: { catalog: createCatalog([fakeManifest, int4]) } });
  gateway = await startGateway({ handler: scene.handler, port: 0, log: scene.log });
  return ['--url', gateway.url, '--key', scene.key];
}

describe('capacity without a deployment', () => {
  it.each([
    ['qwen3-vl-4b', '10 (up to 13)', '8.0 GB'],
    ['qwen3-vl-8b', '6 (up to 10)', '12.0 GB'],
    ['qwen3-vl-30b', '3 (up to 4)', '24.0 GB'],
  ])('answers %s on 80 GB by the sizing table: %s tenants', async (model, tenants, each) => {
    const { code, stdout, stderr } = await run('--gpu', 'a100-80', '--model', model);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`process    ${tenants}`);
    expect(stdout).toMatch(new RegExp(`^process .* ${each} `, 'm'));
    expect(stdout).toMatch(/^figures +the sizing table \(.*no deployment was asked/m);
  });

  it('counts pictures by their size, the form of weights and where the encoder is', async () => {
    const flags = ['--gpu', 'l4-24', '--model', 'z-image-turbo', '--quant', 'int4', '--json'];

    const all = JSON.parse((await run(...flags)).stdout);
    const offloaded = JSON.parse((await run(...flags, '--offload-encoder')).stdout);
    const large = JSON.parse((await run(...flags, '--size', '1024')).stdout);

    expect([all, offloaded, large].map(({ jobs_in_one_call }) => jobs_in_one_call)).toEqual([3, 14, 1]);
    expect(all).toMatchObject({
      gpu: { name: 'l4-24', memory_gb: 24 },
      quant: 'int4',
      size: 512,
      source: { kind: 'sizing_table' },
    });
  });

  it('divides a card by allotments, and says where one holds no job', async () => {
    const flags = ['--gpu', 'h100-80', '--model', 'z-image-turbo'];

    const { stdout } = await run(...flags, '--gpu-memory', '10G');

    expect(stdout).toMatch(/^shared +5 +10\.0 GB /m);
    expect(stdout).toMatch(/^process +0 +10\.0 GB, too little for one job /m);
  });

  it.each([
    [['--model', 'qwen3-vl-8b'], '--gpu is missing; one of: t4-16, l4-24, '],
    [['--gpu', 'l4-24'], '--model is missing; one of: z-image-turbo, '],
    [
      ['--gpu', 'a100', '--model', 'qwen3-vl-8b'],
      'there is no card "a100" in the table; it has: t4-16, l4-24, ',
    ],
    [['--gpu', 'l4-24', '--model', 'gpt'], 'nothing is known of the model "gpt": '],
    [['--gpu', 'l4-24', '--model', 'gpt'], 'the sizing table has: z-image-turbo, '],
    [
      ['--gpu', 'l4-24', '--model', 'z-image-turbo', '--quant', 'int3'],
      '--quant is one of bf16, fp8, int8, int4',
    ],
    [['--gpu', 'l4-24', '--model', 'z-image-turbo', '--size', '0'], '--size is from 1 to '],
    [['--gpu', 'l4-24', '--model', 'z-image-turbo', '--gpu-memory', '10'], '--gpu-memory takes a size'],
    [['--gpu', 'l4-24', '--model', 'qwen3-vl-8b', '--size', '512'], '--size goes with image models'],
    [
      ['--gpu', 'l4-24', '--model', 'qwen3-vl-8b', '--offload-encoder'],
      '--offload-encoder goes with image models',
    ],
  ])('refuses %j', async (flags, said) => {
    const { code, stderr } = await run(...flags);

    expect(code).toBe(2);
    expect(stderr).toContain(said);
  });
});

describe('capacity of a deployment', () => {
  it("goes by the model's manifest and says so", async () => {
    const access = await deployment();

    const { stdout } = await run('--gpu', 'l4-24', '--model', 'fake-image', '--json', ...access);

    expect(JSON.parse(stdout)).toMatchObject({
      model: 'fake-image',
      size: 512,
      weights_gb: 1,
      job_gb: 0.4,
      jobs_in_one_call: 4,
      shared: { tenants: 51 },
      process: { tenants: 15 },
      source: { kind: 'manifest', text: "the deployment's manifest of fake-image, revision 1" },
    });
  });

  it('goes by the variant of a form of weights, and names those that there are', async () => {
    const access = await deployment();

    const int4Answer = await run(
      ...['--gpu', 'l4-24', '--model', 'fake-image', '--quant', 'int4', '--size', '256', '--json', ...access],
    );
    const fp8 = await run('--gpu', 'l4-24', '--model', 'fake-image', '--quant', 'fp8', ...access);

    expect(JSON.parse(int4Answer.stdout)).toMatchObject({
      model: 'fake-image-int4',
      weights_gb: 0.3,
      job_gb: 0.1,
    });
    expect(fp8).toMatchObject({
      code: 2,
      stderr: 'pilotlight: the deployment has no fp8 variant of fake-image; it has: int4\n',
    });
  });

  it('goes by the sizing table for a model that it does not have', async () => {
    const access = await deployment();

    const { stdout } = await run('--gpu', 'a100-80', '--model', 'qwen3-vl-8b', ...access);

    expect(stdout).toContain('the deployment does not have it (it has: fake-image, fake-image-int4)');
  });

  it('does not hide that its key is refused', async () => {
    const access = await deployment();

    const { code, stderr } = await run(
      ...['--gpu', 'a100-80', '--model', 'qwen3-vl-8b', '--url', access[1] ?? '', '--key', 'plk_none'],
    );

    expect(code).toBe(3);
    expect(stderr).not.toBe('');
  });
});
