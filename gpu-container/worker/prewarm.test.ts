/** `worker prewarm` and a worker that runs each size before it serves: real processes, real engines, embedded stores. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAwsPorts } from '#aws/aws-ports.ts';
import { awsEnvOf } from '#aws/env.ts';
import { systemClock } from '#aws/system-clock.ts';
import { openWeightsScene } from './weights/weights-scene.ts';

const shipped = join(import.meta.dirname, '..', 'models');
const entry = join(import.meta.dirname, 'main.ts');
const python = process.env.PILOTLIGHT_PYTHON;

type Manifest = Record<string, unknown> & {
  input_schema: { properties: Record<string, Record<string, unknown>> };
};

/** A machine with an image of one model, changed by `change`, and embedded stores. */
async function openScene(id: string, change: (manifest: Manifest) => object = (manifest) => manifest) {
  const scene = await openWeightsScene();
  const modelsDir = join(scene.home, 'models');
  await mkdir(modelsDir);
  const manifest: Manifest = JSON.parse(readFileSync(join(shipped, id, 'manifest.json'), 'utf8'));
  const changed = { id, ...change(manifest) };
  await cp(join(shipped, id), join(modelsDir, changed.id), { recursive: true });
  await writeFile(join(modelsDir, changed.id, 'manifest.json'), JSON.stringify(changed));
  const readyFile = join(scene.home, 'run', 'ready.json');
  const env = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    HOME: scene.home,
    TMPDIR: process.env.TMPDIR,
    ...awsEnvOf(scene.config),
    PILOTLIGHT_POOL: String(manifest.pool),
    PILOTLIGHT_MODELS_DIR: modelsDir,
    PILOTLIGHT_READY_FILE: readyFile,
  };
  return { ...scene, modelsDir, readyFile, env };
}

function start(env: NodeJS.ProcessEnv, ...args: string[]) {
  const child = spawn(process.execPath, [entry, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close').then(([code]) => code);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return { child, ended, stdout: text(child.stdout), stderr: text(child.stderr) };
}

async function run(env: NodeJS.ProcessEnv, ...args: string[]) {
  const { ended, stdout, stderr } = start(env, ...args);
  return { code: await ended, stdout: await stdout, stderr: await stderr };
}

/** Events of a log of JSON lines. */
const eventsOf = (log: string) =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

describe('worker prewarm', () => {
  it.each([
    ['fake', ['256 px', '512 px', '1024 px']],
    ['pilotlight-shapes', ['64 px', '256 px', '512 px']],
  ])(
    'runs each size of %s once, tells how long each phase took, and writes the ready file',
    async (id, shapes) => {
      const { env, readyFile } = await openScene(id);

      const { code, stdout, stderr } = await run(env, 'prewarm');

      expect(code).toBe(0);
      const report = JSON.parse(stdout);
      const ms = expect.any(Number);
      expect(report.models).toEqual([
        {
          ...{ kind: 'ready', model: id, revision: '1', weightsMs: ms, loadMs: ms },
          shapes: shapes.map((shape) => ({ shape, ms })),
        },
      ]);
      expect(JSON.parse(await readFile(readyFile, 'utf8'))).toEqual({
        ...{ at_ms: ms, worker_id: null },
        ...report,
      });
      expect(eventsOf(stderr)).toContainEqual(
        expect.objectContaining({
          event: 'worker.prewarmed',
          model: id,
          weightsMs: ms,
          loadMs: ms,
          firstRunMs: ms,
        }),
      );
    },
  );

  it.skipIf(python === undefined)(
    'tells the phases of a load in Python',
    async () => {
      const scene = await openWeightsScene();
      const modelsDir = join(scene.home, 'models');
      execFileSync(python ?? '', [join(shipped, '..', 'runtime', 'tests', 'tiny_z_image.py'), modelsDir]);
      const manifest: Manifest = JSON.parse(
        readFileSync(join(shipped, 'z-image-turbo', 'manifest.json'), 'utf8'),
      );
      manifest.input_schema.properties.size = { type: 'integer', enum: [64], default: 64 };
      const tiny = { ...manifest, id: 'tiny-z-image', runtime: { runner: 'z_image', dtype: 'float32' } };
      await writeFile(join(modelsDir, 'tiny-z-image', 'manifest.json'), JSON.stringify(tiny));
      const env = {
        ...{ PATH: process.env.PATH, HOME: scene.home, PILOTLIGHT_PYTHON: python },
        ...{ PILOTLIGHT_POOL: String(manifest.pool), PILOTLIGHT_MODELS_DIR: modelsDir },
      };

      const { code, stdout, stderr } = await run(env, 'prewarm');

      expect(code).toBe(0);
      expect(JSON.parse(stdout).models).toMatchObject([{ kind: 'ready', shapes: [{ shape: '64 px' }] }]);
      const ms = expect.any(Number);
      expect(eventsOf(stderr)).toContainEqual(
        expect.objectContaining({ event: 'model.phases', importMs: ms, readMs: ms, toDeviceMs: ms }),
      );
    },
    90_000,
  );

  it('leaves nothing in the home folder, neither notes nor reports of a library to its makers', async () => {
    const scene = await openScene('pilotlight-shapes');
    const home = join(scene.home, 'of-the-user');

    const { code } = await run({ ...scene.env, HOME: home }, 'prewarm', '--depth', 'load');

    expect(code).toBe(0);
    expect(existsSync(home)).toBe(false);
  });

  it('brings the weights from the bucket first', async () => {
    const scene = await openScene('pilotlight-shapes');
    const own = join(scene.modelsDir, 'pilotlight-shapes');
    const { files } = JSON.parse(await readFile(join(own, 'weights.json'), 'utf8'));
    for (const name of Object.keys(files)) {
      await scene.put(`models/pilotlight-shapes/1/${name}`, await readFile(join(own, name)));
      await rm(join(own, name));
    }
    const weightsDir = join(scene.home, 'weights');

    const { code, stdout } = await run({ ...scene.env, PILOTLIGHT_WEIGHTS_DIR: weightsDir }, 'prewarm');

    expect(code).toBe(0);
    expect(JSON.parse(stdout).models[0].shapes).toHaveLength(3);
    for (const name of Object.keys(files))
      expect(existsSync(join(weightsDir, 'pilotlight-shapes', name))).toBe(true);
  });

  it('starts no runner where only the weights are asked for', async () => {
    const { env } = await openScene('fake');

    const { code, stderr } = await run(env, 'prewarm', '--depth', 'weights');

    expect(code).toBe(0);
    expect(stderr).not.toContain('runner.started');
  });

  it('leaves out a size that the card does not hold, and says so', async () => {
    const { env } = await openScene('fake', (manifest) => ({
      ...manifest,
      memory: {
        weights_mb: 100,
        per_image: [
          { pixels: 65536, mb: 10 },
          { pixels: 1048576, mb: 5000 },
        ],
      },
    }));

    const { code, stdout, stderr } = await run({ ...env, PILOTLIGHT_GPU_MEMORY_MB: '1000' }, 'prewarm');

    expect(code).toBe(0);
    expect(JSON.parse(stdout).models[0].shapes.map(({ shape }: { shape: string }) => shape)).toEqual([
      '256 px',
    ]);
    expect(stderr).toContain('worker.shape_too_large');
  });
});

describe('worker prewarm that cannot', () => {
  const property = (manifest: Manifest, name: string, changed: object) => ({
    ...manifest,
    input_schema: {
      ...manifest.input_schema,
      required: ['prompt', name],
      properties: { ...manifest.input_schema.properties, [name]: changed },
    },
  });

  it.each([
    ['load the model ends with 4', 4, (manifest: Manifest) => ({ ...manifest, id: 'fake-broken' }), 'load'],
    [
      'run a dummy generation ends with 5',
      5,
      (manifest: Manifest) => property(manifest, 'fault', { type: 'string', default: 'error' }),
      'run',
    ],
  ] as const)('%s, names the stage, and leaves no ready file', async (_, exitCode, change, stage) => {
    const { env, readyFile } = await openScene('fake', change);
    await mkdir(join(readyFile, '..'));
    await writeFile(readyFile, 'of an earlier start');

    const { code, stdout, stderr } = await run(env, 'prewarm');

    expect(code).toBe(exitCode);
    expect(JSON.parse(stdout).models).toMatchObject([{ kind: 'failed', stage, code: 'model_error' }]);
    expect(eventsOf(stderr)).toContainEqual(
      expect.objectContaining({ event: 'worker.not_prewarmed', stage }),
    );
    expect(existsSync(readyFile)).toBe(false);
  });

  it('bring the weights ends with 3', async () => {
    const scene = await openScene('pilotlight-shapes');
    await rm(join(scene.modelsDir, 'pilotlight-shapes', 'denoiser.onnx'));

    const { code, stdout } = await run(
      { ...scene.env, PILOTLIGHT_WEIGHTS_DIR: join(scene.home, 'weights') },
      'prewarm',
    );

    expect(code).toBe(3);
    expect(JSON.parse(stdout).models).toMatchObject([
      { stage: 'weights', code: 'weights_missing', message: expect.stringContaining('denoiser.onnx') },
    ]);
  });

  it('end in time ends with 6, and takes its runner with it', async () => {
    const { env } = await openScene('fake', (manifest) =>
      property(manifest, 'steps', { type: 'integer', default: 1000 }),
    );

    const { code, stdout, stderr } = await run(env, 'prewarm', '--timeout', '2');

    expect(code).toBe(6);
    expect(JSON.parse(stdout).models).toMatchObject([{ stage: 'stopped' }]);
    expect(stderr).toContain('runner.ended');
  });

  it('read what it was given ends with 2, and names it', async () => {
    const env = { PATH: process.env.PATH, PILOTLIGHT_POOL: 'fake', PILOTLIGHT_MODELS_DIR: shipped };

    const { code, stderr } = await run(env, 'prewarm', '--model', 'stranger');

    expect(code).toBe(2);
    expect(stderr).toContain('--model: the pool has fake, fake-chat, and not stranger');
  });
});

describe('a worker that is to run each size first', () => {
  it('serves only then, counts none of it as a job, and has a ready file for as long as it serves', async () => {
    const { env, config, readyFile } = await openScene('fake');
    const ports = createAwsPorts(config);
    onTestFinished(() => ports.close());
    const { child, ended, stderr } = start({ ...env, PILOTLIGHT_PREWARM: 'shapes' });

    await until(() => existsSync(readyFile));
    const health = await run(env, 'healthy');
    const [worker] = (await ports.workers.list('fake', 0)).items;
    child.kill('SIGTERM');

    expect(await ended).toBe(0);
    expect(health).toMatchObject({ code: 0, stdout: 'serving\n' });
    expect(worker).toMatchObject({ resident: ['fake@1'], runningJobs: 0, busyMs: 0 });
    expect(await ports.jobs.count('fake')).toMatchObject({ leased: 0, waiting: 0 });
    expect(eventsOf(await stderr)).toContainEqual(
      expect.objectContaining({ event: 'worker.prewarmed', model: 'fake', shapes: 3 }),
    );
    expect(existsSync(readyFile)).toBe(false);
    expect(await run(env, 'healthy')).toMatchObject({ code: 1, stdout: 'not_ready\n' });
  });

  it('ends with the reason when the model does not come up, and says that it left', async () => {
    const { env, config, readyFile } = await openScene('fake', (manifest) => ({
      ...manifest,
      id: 'fake-broken',
    }));
    const ports = createAwsPorts(config);
    onTestFinished(() => ports.close());

    const { code, stderr } = await run({ ...env, PILOTLIGHT_PREWARM: 'shapes' });

    expect(code).toBe(2);
    expect(stderr).toContain('A model did not come up. fake-broken: load:');
    expect((await ports.workers.list('fake', 0)).items).toMatchObject([{ phase: 'ended' }]);
    expect(existsSync(readyFile)).toBe(false);
  });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await systemClock.sleep(20);
}
