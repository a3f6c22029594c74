/**
 * The host and its runners behind the walls of their container, as far as a kernel gives them without Docker: a network of
 * their own without an interface, and folders mounted read-only. The worker is outside.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { RunnerClient } from '../worker/runner-client.ts';
import { startHostProgram } from './host-under-test.ts';

const python = process.env.PILOTLIGHT_PYTHON;
const tinyPipeline = join(import.meta.dirname, '..', 'runtime', 'tests', 'tiny_z_image.py');

const namespaces = ['unshare', '--net', '--mount'];
/** It takes the right to make namespaces, which CI and many machines do not give. */
const canMakeWalls = spawnSync('unshare', [...namespaces.slice(1), 'true']).status === 0;

const readOnly = 'for d in "$1" "$2"; do mount --bind "$d" "$d" && mount -o remount,ro,bind "$d"; done';
const wallsAround = (...folders: readonly [string, string]) => [
  ...namespaces,
  ...['sh', '-c', `${readOnly}; shift 2; exec "$@"`, 'sh', ...folders],
];

async function openContainer(command?: readonly string[]) {
  const home = await mkdtemp(join(tmpdir(), 'pl-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const [scratchRoot, weights, ofWorker] = ['runner', 'weights', 'scratch'].map((name) =>
    join(home, name),
  ) as [...[string, string, string]];
  for (const folder of [scratchRoot, weights, ofWorker]) await mkdir(folder);
  await writeFile(join(weights, 'weights.bin'), 'weights');
  await writeFile(join(ofWorker, 'adapter'), 'adapter', { mode: 0o400 });
  const log = createRecordingLog();
  const options = { log, modelsDir: weights, scratchRoot, command };
  const program = await startHostProgram(options, wallsAround(weights, ofWorker));
  return { ...program, weights, ofWorker, scratchRoot };
}

describe.skipIf(!canMakeWalls)('the container of runners', () => {
  it('runs a batch for a worker outside, whose sockets reach through the walls', async () => {
    const { connect, weights, scratchRoot } = await openContainer();
    const client = new RunnerClient({
      ...{ host: connect(), engine: 'fake', modelsDir: weights },
      ...{ clock: systemClock, log: createRecordingLog() },
    });
    const batch = { batchId: 'b', model: 'fake', revision: '1', items: [{ id: 'a', params: {} }] };

    const outcomes = await client.run(batch, { onProgress: () => undefined });
    await client.close();

    expect(outcomes.get('a')).toMatchObject({ kind: 'succeeded', files: [{ type: 'image' }] });
    expect(await readdir(scratchRoot)).toEqual([]);
  });

  it.skipIf(python === undefined)(
    'draws a picture by Python, which closes network and disk for itself as well',
    async () => {
      const { connect, weights, process: program } = await openContainer();
      execFileSync(python ?? '', [tinyPipeline, weights]);
      const log = createRecordingLog();
      const client = new RunnerClient({
        ...{ host: connect(), engine: 'python', modelsDir: weights, clock: systemClock, log },
      });
      const params = { prompt: 'a red circle', n: 1, steps: 2, size: 32, seed: 7 };
      const items = [{ id: 'a', params }];
      const batch = { batchId: 'b', model: 'tiny-z-image', revision: '1', items };

      const outcomes = await client.run(batch, { onProgress: () => undefined });
      await client.close();

      expect(outcomes.get('a')).toMatchObject({ kind: 'succeeded', engine: 'python' });
      expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
      expect(program().said()).toContain('host.ended');
    },
    120_000,
  );

  it('has weights and adapters to read and not to write, its own folder, and no way to any address', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const script = `weights=$4; other=$weights/../scratch
      echo "read $(cat "$weights/weights.bin") $(cat "$other/adapter")"
      (echo x >> "$weights/weights.bin") 2> /dev/null || echo "weights refused"
      rm -f "$other/adapter" 2> /dev/null || echo "adapter refused"
      (echo x > "$PWD/picture") && echo "own folder written"
      echo "interfaces $(grep -c : /proc/net/dev) $(grep -c eth /proc/net/dev)"
      bash -c "exec 3<> /dev/tcp/127.0.0.1/${port}" 2> /dev/null || echo "address refused"`;
    const { connect, weights, ofWorker } = await openContainer(['/bin/sh', '-c', script, 'sh']);
    const lines: string[] = [];

    const runner = await connect().start({
      ...{ engine: 'fake', modelsDir: weights },
      onOutput: ({ text }) => lines.push(text),
    });
    await runner.end;

    expect(lines).toEqual([
      'read weights adapter',
      'weights refused',
      'adapter refused',
      'own folder written',
      'interfaces 1 0',
      'address refused',
    ]);
    expect(await readFile(join(weights, 'weights.bin'), 'utf8')).toBe('weights');
    expect(await readFile(join(ofWorker, 'adapter'), 'utf8')).toBe('adapter');
  });
});
