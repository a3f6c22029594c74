/** The program that starts runners for a worker in another container, over its real socket. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import type { RunBatch, RunItem } from '#core/ports/runner.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createFrameReader, encodeFrame } from '../protocol/framing.ts';
import type { HostAnswer, HostRequest } from '../protocol/host-messages.ts';
import { hostAnswerSchema, hostProtocolVersion } from '../protocol/host-messages.ts';
import { RunnerClient } from '../worker/runner-client.ts';
import { isWell } from './host-health.ts';
import { startHostProgram } from './host-under-test.ts';
import type { RunnerHost } from './runner-host.ts';

const models = join(import.meta.dirname, '..', 'models');
const ignore = { onProgress: () => undefined };

async function openProgram(command?: readonly string[]) {
  const scratchRoot = await mkdtemp(join(tmpdir(), 'pl-'));
  onTestFinished(() => rm(scratchRoot, { recursive: true, force: true }));
  const log = createRecordingLog();
  const program = await startHostProgram({ log, modelsDir: models, scratchRoot, command });
  return { ...program, scratchRoot, log };
}

function clientOf(host: RunnerHost) {
  const client = new RunnerClient({
    ...{ host, engine: 'fake', modelsDir: models, clock: systemClock },
    log: createRecordingLog(),
  });
  onTestFinished(() => client.close());
  return client;
}

function batchOf(params: RunItem['params'] = {}): RunBatch {
  return { batchId: 'batch_1', model: 'fake', revision: '1', items: [{ id: 'a', params }] };
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await systemClock.sleep(20);
}

/** Who speaks to the socket by hand: says what no worker would, and hears every answer until the end. */
async function speak(socketPath: string, ...said: readonly (HostRequest | string | object)[]) {
  await until(() => existsSync(socketPath));
  const socket = createConnection(socketPath);
  const answers: HostAnswer[] = [];
  const read = createFrameReader(hostAnswerSchema);
  socket.on('data', (chunk) => {
    for (const frame of read(chunk)) if (frame.kind === 'message') answers.push(frame.message);
  });
  const closed = once(socket, 'close');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  for (const each of said) socket.write(typeof each === 'string' ? each : encodeFrame(each));
  return { answers, closed, socket };
}

const hello: HostRequest = { type: 'hello', protocol: hostProtocolVersion };
const start = { type: 'start', id: 1, engine: 'fake', modelsDir: models, memoryMaxMb: null };

describe('a runner host', () => {
  it('is told from one that does not answer by its health check, with or without a worker', async () => {
    const { socketPath, scratchRoot, connect } = await openProgram();
    const healthy = async () => {
      const env = { ...process.env, PILOTLIGHT_MODELS_DIR: models, PILOTLIGHT_RUNNER_SCRATCH: scratchRoot };
      const args = [join(import.meta.dirname, 'main.ts'), 'healthy'];
      const [code] = await once(
        spawn(process.execPath, args, { env: { ...env, PILOTLIGHT_RUNNER_HOST: socketPath } }),
        'close',
      );
      return code;
    };
    await until(() => existsSync(socketPath));
    const alone = await healthy();
    await clientOf(connect()).load('fake', '1');

    expect([alone, await healthy()]).toEqual([0, 0]);
    await rm(socketPath);
    expect(await healthy()).toBe(1);
  });

  it('opens its socket to its own user alone', async () => {
    const { socketPath } = await openProgram();
    await until(() => existsSync(socketPath));

    // From its first moment on, before its last mode is set.
    expect((await stat(socketPath)).mode & 0o077).toBe(0);
    expect((await stat(dirname(socketPath))).mode & 0o777).toBe(0o700);
  });

  it('kills the runners of a worker that dies, and takes their folders away, before another has it', async () => {
    const { socketPath, scratchRoot, connect } = await openProgram();
    const { answers, socket } = await speak(socketPath, hello, start, { ...start, id: 2 });
    await until(() => answers.filter(({ type }) => type === 'started').length === 2);
    const pids = answers.flatMap((answer) => (answer.type === 'started' ? [answer.pid] : []));

    socket.destroy();
    const next = await clientOf(connect()).run(batchOf(), ignore);

    expect(next.get('a')).toMatchObject({ kind: 'succeeded' });
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(await readdir(scratchRoot)).toHaveLength(1);
  });

  it('has the kernel end a runner before itself', { skip: process.platform !== 'linux' }, async () => {
    const { connect } = await openProgram();
    const client = clientOf(connect());
    await client.load('fake', '1');

    const score = await readFile(`/proc/${client.processId()}/oom_score_adj`, 'utf8');

    expect(Number(score)).toBe(1000);
  });

  it('passes on none of its own environment that could name credentials', async () => {
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', '/v2/credentials/of-the-task');
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    vi.stubEnv('ECS_CONTAINER_METADATA_URI_V4', 'http://169.254.170.2/v4/x');
    onTestFinished(() => void vi.unstubAllEnvs());
    const script = 'console.log(Object.keys(process.env).join())';
    const { connect } = await openProgram([process.execPath, '-e', script, '--']);
    const lines: string[] = [];

    const runner = await connect().start({
      ...{ engine: 'fake', modelsDir: models },
      onOutput: ({ text: line }) => lines.push(line),
    });
    await runner.end;

    expect(lines[0]).toContain('PATH');
    expect(lines[0]).not.toMatch(/AWS|ECS/);
  });

  it('loses lines of a worker that does not read, rather than to hold them or its runner up', async () => {
    const line = 'x'.repeat(1_000);
    const script = `for (let i = 0; i < 50_000; i += 1) process.stdout.write('${line}\\n')`;
    const { socketPath, process: program } = await openProgram([process.execPath, '-e', script, '--']);
    const { answers, socket } = await speak(socketPath, hello);
    await until(() => answers.length === 1);
    socket.pause();
    socket.write(encodeFrame(start));
    await until(() => program().said().includes('host.ended'));

    socket.resume();
    await until(() => answers.at(-1)?.type === 'ended');

    expect(answers.at(-1)).toMatchObject({ exitCode: 0 });
    const lines = answers.filter(({ type }) => type === 'output').length;
    expect(lines).toBeGreaterThan(100);
    expect(lines).toBeLessThan(10_000);
  });

  it('ends at SIGTERM once its worker is gone, and not while that drains', async () => {
    const { connect, process: program } = await openProgram();
    const host = connect();
    const client = clientOf(host);
    await client.load('fake', '1');

    program().child.kill('SIGTERM');
    await until(() => program().said().includes('host.stopping'));
    const drained = await client.run(batchOf(), ignore);
    await client.close();
    host.close();

    expect(drained.get('a')).toMatchObject({ kind: 'succeeded' });
    expect(await program().ended).toBe(0);
  });

  it('does not begin where another listens', async () => {
    const { socketPath, scratchRoot } = await openProgram();
    await until(() => existsSync(socketPath));

    const second = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
      env: {
        ...{ ...process.env, PILOTLIGHT_MODELS_DIR: models },
        ...{ PILOTLIGHT_RUNNER_HOST: socketPath, PILOTLIGHT_RUNNER_SCRATCH: scratchRoot },
      },
    });
    const [said, [code]] = await Promise.all([text(second.stderr), once(second, 'close')]);

    expect(code).toBe(2);
    expect(said).toContain('another runner host listens there');
  });
});

describe('who connects to a runner host and is no worker', () => {
  it('hears that it is well, once', async () => {
    const { socketPath } = await openProgram();

    const { answers, closed } = await speak(socketPath, { type: 'ping' }, { type: 'ping' });
    await closed;

    expect(answers).toEqual([{ type: 'pong' }]);
  });

  it('shuts out neither a worker nor its health check, in whatever number', async () => {
    const { socketPath, connect, log } = await openProgram();
    const connectMany = () => Promise.all(Array.from({ length: 12 }, () => speak(socketPath)));

    await connectMany();
    const client = clientOf(connect({ startMs: 2_000 }));
    const loaded = await client.load('fake', '1');
    const crowd = await connectMany();

    expect(loaded).toMatchObject({ kind: 'loaded' });
    expect(await isWell(socketPath)).toBe(true);
    await Promise.all(crowd.slice(0, 5).map(({ closed }) => closed));
    expect((await client.run(batchOf(), ignore)).get('a')).toMatchObject({ kind: 'succeeded' });
    expect(log.events()).toEqual([]);
  });
});

describe('what a runner host refuses', () => {
  it('is a second worker, for as long as the first has it', async () => {
    const { socketPath, log, connect } = await openProgram();
    const first = await speak(socketPath, hello);
    await until(() => first.answers.length === 1);

    const second = await speak(socketPath, hello);
    await second.closed;
    const impatient = clientOf(connect({ startMs: 200 }));

    expect(first.answers).toEqual([{ type: 'welcome', protocol: hostProtocolVersion }]);
    expect(second.answers).toEqual([{ type: 'refused', reason: 'busy' }]);
    expect(await impatient.load('fake', '1')).toEqual({ kind: 'failed', code: 'worker_lost' });
    expect(log.events()).toEqual([]);
  });

  it('is a worker of another version', async () => {
    const { socketPath } = await openProgram();

    const { answers, closed } = await speak(socketPath, { type: 'hello', protocol: 2 });
    await closed;

    expect(answers).toEqual([{ type: 'refused', reason: 'protocol_version' }]);
  });

  it('is a folder of models that it was not given', async () => {
    const { scratchRoot, connect } = await openProgram();
    await mkdir(join(scratchRoot, 'planted'));

    const starting = connect().start({
      ...{ engine: 'fake', modelsDir: join(scratchRoot, 'planted'), onOutput: () => undefined },
    });

    await expect(starting).rejects.toThrow('the folder of models is none of this host');
    expect(await readdir(scratchRoot)).toEqual(['planted']);
  });

  it('is an engine that it has no program for', async () => {
    vi.stubEnv('PILOTLIGHT_PYTHON', undefined);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const { connect } = await openProgram();
    const ask = { engine: 'python', modelsDir: models, onOutput: () => undefined } as const;

    await expect(connect().start(ask)).rejects.toThrow('PILOTLIGHT_PYTHON');
  });

  it.each([
    ['a program', [hello, { ...start, engine: '/bin/sh' }]],
    ['a folder to work in', [hello, { ...start, scratchDir: '/etc' }]],
    ['a command line', [hello, { ...start, command: ['/bin/sh'] }]],
    ['what is no frame', [hello, 'start everything\n']],
    ['a frame without an end', [hello, 'x'.repeat(70_000)]],
    ['work before it says who it is', [start]],
    ['the same runner twice', [hello, start, start]],
    ['itself twice', [hello, hello]],
  ])('is whoever says %s: the connection ends, and nothing runs', async (_, said) => {
    const { socketPath, scratchRoot, process: program } = await openProgram();

    const { closed } = await speak(socketPath, ...said);
    await closed;

    await until(() => program().said().includes('host.bad_frame'));
    await until(async () => (await readdir(scratchRoot)).length === 0);
    expect(program().child.exitCode).toBeNull();
  });
});

describe('a worker whose runner host', () => {
  it('dies has lost its batch, and goes on when it is back', async () => {
    const { connect, process: program, restart, log } = await openProgram();
    const client = clientOf(connect());
    const begun = Promise.withResolvers<void>();
    const outcomes = client.run(batchOf({ steps: 1000, step_ms: 50 }), { onProgress: () => begun.resolve() });
    await begun.promise;
    const pid = client.processId() ?? 0;

    program().child.kill('SIGKILL');
    const lost = await outcomes;
    restart();

    expect(lost.get('a')).toMatchObject({ kind: 'failed', code: 'worker_lost', retryable: true });
    expect((await client.run(batchOf(), ignore)).get('a')).toMatchObject({ kind: 'succeeded' });
    expect(log.events()).toContain('host.lost');
    // Nobody told it to end but the loss of its worker.
    await until(() => !isAlive(pid));
  });

  it('hangs gives it up, and all that it runs', async () => {
    const { connect, process: program, log } = await openProgram();
    const host = connect({ silenceMs: 400, pingMs: 50 });
    const ask = { engine: 'fake', modelsDir: models, onOutput: () => undefined } as const;
    const runner = await host.start(ask);

    program().child.kill('SIGSTOP');
    const end = await runner.end;

    expect(end).toEqual({ exitCode: null, signal: null });
    expect(log.events()).toContain('host.dropped');
    program().child.kill('SIGCONT');
    await until(() => !isAlive(runner.pid));
  });

  it('says what no host says hangs up', async () => {
    const {
      socketPath,
      log,
      connect,
      process: program,
    } = await openProgram([process.execPath, '-e', '', '--']);
    await until(() => existsSync(socketPath));
    program().child.kill('SIGKILL');
    await program().ended;
    await rm(socketPath);
    const server = createServer((socket) => {
      socket.write('{"type":"started","id":1,"pid":1,"folder":"../../weights"}\n');
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));

    const ask = { engine: 'fake', modelsDir: models, onOutput: () => undefined } as const;

    await expect(connect({ startMs: 200 }).start(ask)).rejects.toThrow('no place for this worker');
    expect(log.events()).toContain('host.dropped');
  });
});

describe('the card of a runner host', () => {
  it('is read where the card is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pl-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, 'nvidia-smi'), '#!/bin/sh\necho "37, [N/A]"\n', { mode: 0o700 });
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    vi.stubEnv('PILOTLIGHT_DEVICE', 'cuda');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { connect } = await openProgram();

    expect(await connect().readCard()).toEqual({ busyPercent: 37, memoryBytes: undefined });
  });

  it('is none on a processor, and says why where its driver does not answer', async () => {
    const { connect } = await openProgram();
    vi.stubEnv('PATH', '/nowhere');
    vi.stubEnv('PILOTLIGHT_DEVICE', 'cuda');
    onTestFinished(() => void vi.unstubAllEnvs());
    const broken = await openProgram();

    expect(await connect().readCard()).toBeNull();
    await expect(broken.connect().readCard()).rejects.toThrow('nvidia-smi');
  });
});
