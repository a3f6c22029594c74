import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import { protocolLimits } from '#core/limits.ts';
import type { Clock, Log, LogFields } from '#core/ports/process.ts';
import type { RunBatch, RunItem, RunOutcome } from '#core/ports/runner.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import type { HostKind } from '../runner-host/host-under-test.ts';
import { hostKinds, openHost } from '../runner-host/host-under-test.ts';
import type { RunnerClientOptions } from './runner-client.ts';
import { RunnerClient } from './runner-client.ts';

interface Setup {
  readonly client: RunnerClient;
  readonly logged: { readonly event: string; readonly fields: LogFields }[];
  readonly scratchRoot: string;
}

interface SetupOptions extends Partial<RunnerClientOptions> {
  /** What is started instead of the engine. */
  readonly command?: readonly string[];
}

async function openClient(kind: HostKind, { command, ...options }: SetupOptions = {}): Promise<Setup> {
  const scratchRoot = await mkdtemp(join(tmpdir(), 'pl-'));
  const logged: Setup['logged'] = [];
  const write = (event: string, fields: LogFields = {}) => void logged.push({ event, fields });
  const log: Log = { info: write, warn: write, error: write };
  const modelsDir = scratchRoot;
  const host = await openHost(kind, { log, modelsDir, scratchRoot, command });
  const client = new RunnerClient({ host, engine: 'fake', modelsDir, clock: systemClock, log, ...options });
  onTestFinished(async () => {
    await client.close();
    await rm(scratchRoot, { recursive: true, force: true });
  });
  return { client, logged, scratchRoot };
}

function batchOf(params: Readonly<Record<string, RunItem['params']>>): RunBatch {
  const items = Object.entries(params).map(([id, itemParams]) => ({ id, params: itemParams }));
  return { batchId: 'batch_1', model: 'fake', revision: '1', items };
}

const ignore = { onProgress: () => undefined };

/** Runs a batch and resolves `started` with its first progress. */
function runInBackground(client: RunnerClient, batch: RunBatch) {
  const { promise: started, resolve } = Promise.withResolvers<void>();
  return { started, outcomes: client.run(batch, { onProgress: () => resolve() }) };
}

function kindsOf(outcomes: ReadonlyMap<string, RunOutcome>): Record<string, string> {
  return Object.fromEntries(
    [...outcomes].map(([id, outcome]) => [id, outcome.kind === 'failed' ? outcome.code : outcome.kind]),
  );
}

const patiencePings = 30;

/** Pings `hanging-runner.mjs` as soon as it has answered: what takes minutes by the clock is over at once. */
function openHurried(kind: HostKind) {
  let passPing: () => void = () => undefined;
  const log = createRecordingLog();
  const clock: Clock = {
    nowMs: systemClock.nowMs,
    sleep(ms, signal) {
      if (ms !== protocolLimits.pingMs) return systemClock.sleep(ms, signal);
      return new Promise((resolve) => {
        passPing = resolve;
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  };
  const patienceMs = patiencePings * protocolLimits.pingMs;
  const options = {
    command: [process.execPath, join(import.meta.dirname, 'hanging-runner.mjs')],
    clock,
    // It does not end by being asked to either.
    drainMs: 0,
    patience: { loadMs: () => patienceMs, callMs: () => patienceMs },
    log: {
      ...log,
      info(event: string, fields?: LogFields) {
        log.info(event, fields);
        if (event === 'runner.output') passPing();
      },
    },
  };
  return openClient(kind, options).then(({ client }) => ({ client, lines: log.lines }));
}

const lost = { kind: 'failed', code: 'worker_lost', retryable: true };

describe.each(hostKinds)('over a %s host', (kind) => {
  const setUp = (options?: SetupOptions) => openClient(kind, options);

  describe('a runner client', () => {
    it('starts no process before the first call', async () => {
      const { client, logged } = await setUp();

      await client.close();

      expect(client.processId()).toBeNull();
      expect(logged).toEqual([]);
    });

    it('loads a model once', async () => {
      const { client } = await setUp();

      const first = await client.load('fake', '1');
      const second = await client.load('fake', '1');

      expect(first).toMatchObject({ kind: 'loaded' });
      expect(second).toEqual({ kind: 'loaded', loadMs: 0 });
      expect(client.resident()).toEqual(new Set(['fake@1']));
    });

    it.each([
      ['no-such-model', 'no_such_model'],
      ['fake-too-big', 'out_of_memory'],
      ['fake-broken', 'model_error'],
    ])('tells why %s cannot be loaded', async (model, code) => {
      const { client } = await setUp();

      expect(await client.load(model, '1')).toEqual({ kind: 'failed', code });
      expect(client.resident()).toEqual(new Set());
    });

    it('returns the bodies of the files and removes them from disk', async () => {
      const { client, scratchRoot } = await setUp();
      const steps: string[] = [];

      const outcomes = await client.run(batchOf({ a: { n: 2, seed: 5, steps: 2 } }), {
        onProgress: (...progress) => steps.push(progress.join(' ')),
      });

      expect(steps).toEqual(['a 1 2', 'a 2 2']);
      expect(outcomes.get('a')).toMatchObject({
        kind: 'succeeded',
        seeds: [5, 6],
        engine: 'fake',
        versions: { node: process.versions.node },
        files: [{ type: 'image', contentType: 'image/png', width: 1, height: 1 }, { type: 'image' }],
      });
      expect(await readdir(scratchRoot, { recursive: true })).toEqual([
        expect.stringMatching(/^pilotlight-\w+$/),
      ]);
    });

    it('finds a folder for each batch, whatever the runner put into its own before', async () => {
      const { client, scratchRoot } = await setUp();
      await client.load('fake', '1');
      const [ofRunner = ''] = await readdir(scratchRoot);
      for (const name of ['batch-1', 'batch-2']) await mkdir(join(scratchRoot, ofRunner, name));

      expect(kindsOf(await client.run(batchOf({ a: {} }), ignore))).toEqual({ a: 'succeeded' });
    });

    it('gives every item its own outcome', async () => {
      const { client } = await setUp();

      const outcomes = await client.run(
        batchOf({ good: {}, invalid: { steps: 0 }, nan: { fault: 'nan' }, error: { fault: 'error' } }),
        ignore,
      );

      expect(kindsOf(outcomes)).toEqual({
        good: 'succeeded',
        invalid: 'invalid_input',
        nan: 'nan_output',
        error: 'model_error',
      });
      expect(outcomes.get('invalid')).toMatchObject({
        message: expect.stringContaining('steps'),
        retryable: false,
      });
      expect(outcomes.get('error')).toMatchObject({ message: 'The model failed on this input.' });
    });

    it('refuses input that no frame can hold, and runs on', async () => {
      const { client } = await setUp();

      const outcomes = await client.run(batchOf({ a: { prompt: 'x'.repeat(2 ** 20) } }), ignore);
      const next = await client.run(batchOf({ b: {} }), ignore);

      expect([kindsOf(outcomes), kindsOf(next)]).toEqual([{ a: 'invalid_input' }, { b: 'succeeded' }]);
    });

    it('tells that a batch did not fit the memory', async () => {
      const { client } = await setUp();

      const outcomes = await client.run(batchOf({ big: { fault: 'oom' }, mate: {} }), ignore);

      expect(kindsOf(outcomes)).toEqual({ big: 'out_of_memory', mate: 'out_of_memory' });
    });

    it('stops a canceled item and finishes the others', async () => {
      const { client } = await setUp();
      const slow = { steps: 5, step_ms: 40 };
      const { started, outcomes } = runInBackground(client, batchOf({ stopped: slow, kept: slow }));
      await started;

      client.cancel('stopped');

      expect(kindsOf(await outcomes)).toEqual({ stopped: 'canceled', kept: 'succeeded' });
    });

    it('remembers a cancel that came before the batch reached the runner', async () => {
      const { client } = await setUp();
      const outcomes = client.run(batchOf({ stopped: {}, kept: {} }), ignore);

      client.cancel('stopped');
      client.cancel('nobody');

      expect(kindsOf(await outcomes)).toEqual({ stopped: 'canceled', kept: 'succeeded' });
    });

    it('makes calls wait for each other', async () => {
      const { client } = await setUp();

      const both = await Promise.all([
        client.run(batchOf({ a: {} }), ignore),
        client.run({ ...batchOf({ b: {} }), batchId: 'batch_2' }, ignore),
      ]);

      expect(both.map(kindsOf)).toEqual([{ a: 'succeeded' }, { b: 'succeeded' }]);
    });
  });

  describe('a runner that is lost', () => {
    it('ends its open items as worker_lost, and the next call starts another', async () => {
      const { client, logged } = await setUp();
      const crashed = await client.run(batchOf({ a: { fault: 'crash' }, b: {} }), ignore);
      const residentAfter = client.resident();

      const next = await client.run(batchOf({ c: {} }), ignore);

      expect([crashed.get('a'), crashed.get('b')]).toMatchObject([lost, lost]);
      expect(residentAfter).toEqual(new Set());
      expect(kindsOf(next)).toEqual({ c: 'succeeded' });
      expect(logged.find(({ event }) => event === 'runner.ended')?.fields).toMatchObject({ exitCode: 70 });
    });

    it('keeps the outcomes that came before it was killed', async () => {
      const { client } = await setUp();
      const { promise: half, resolve } = Promise.withResolvers<void>();
      const outcomes = client.run(batchOf({ short: { steps: 1 }, long: { steps: 1000, step_ms: 50 } }), {
        onProgress: (_, step) => step === 2 && resolve(),
      });
      await half;

      process.kill(client.processId() ?? 0, 'SIGKILL');

      expect(kindsOf(await outcomes)).toEqual({ short: 'succeeded', long: 'worker_lost' });
    });

    it('is killed when it answers nothing for too long', async () => {
      const { client, logged } = await setUp({ silenceMs: 500, pingMs: 50 });
      await client.load('fake', '1');

      const outcomes = await client.run(batchOf({ a: { fault: 'hang' } }), ignore);

      expect(outcomes.get('a')).toMatchObject(lost);
      expect(logged.find(({ event }) => event === 'runner.killed')?.fields.reason).toBe('silent');
    });

    it('is not killed while it answers, however long its batch takes', async () => {
      const { client } = await setUp({ silenceMs: 1000, pingMs: 50 });

      const outcomes = await client.run(batchOf({ a: { steps: 1, step_ms: 1500 } }), ignore);

      expect(kindsOf(outcomes)).toEqual({ a: 'succeeded' });
    });

    it('is killed when it breaks the protocol', async () => {
      const script = `require('node:net').createServer((socket) => socket.write('hello?\\n')).listen(process.argv[2])`;
      const { client, logged } = await setUp({ command: [process.execPath, '-e', script, '--'] });

      const outcomes = await client.run(batchOf({ a: {} }), ignore);

      expect(outcomes.get('a')).toMatchObject(lost);
      expect(logged.map(({ event }) => event)).toContain('runner.killed');
    });

    it.each([
      ['cannot be started', ['/nowhere/to/be/found']],
      ['exits at once', [process.execPath, '-e', '', '--']],
    ])('costs a failure and no more when it %s', async (_, command) => {
      const { client, scratchRoot } = await setUp({ command });

      const loaded = await client.load('fake', '1');
      const outcomes = await client.run(batchOf({ a: {} }), ignore);

      expect(loaded).toEqual({ kind: 'failed', code: 'worker_lost' });
      expect(outcomes.get('a')).toMatchObject(lost);
      expect(await readdir(scratchRoot)).toEqual([]);
    });

    it('is given up when it does not become ready in time', async () => {
      const { client } = await setUp({
        command: [process.execPath, '-e', 'setInterval(() => 0, 1000)', '--'],
        startMs: 300,
      });

      expect(await client.load('fake', '1')).toEqual({ kind: 'failed', code: 'worker_lost' });
    });
  });

  describe('a runner whose device hangs, though it answers pings', () => {
    it.each([
      ['a load', 'hangs', {}],
      ['a batch', 'fake', {}],
      ['a step', 'fake', { steps: 3, pings: 40 }],
    ])('is killed over %s, and what it was asked ends as worker_lost', async (_, model, params) => {
      const { client, lines } = await openHurried(kind);
      const outcomes = client.run({ ...batchOf({ a: params }), model }, ignore);

      client.cancel('a');

      expect((await outcomes).get('a')).toMatchObject(lost);
      expect(lines.find(({ event }) => event === 'runner.killed')?.fields.reason).toBe('no progress');
    });

    it('is not killed while it tells progress, however long its batch takes', async () => {
      const { client } = await openHurried(kind);

      const outcomes = await client.run(batchOf({ a: { steps: 3, pings: 20 } }), ignore);

      expect(kindsOf(outcomes)).toEqual({ a: 'succeeded' });
    });
  });

  describe('the process of a runner', () => {
    it('sees none of the secrets of its worker, and its output becomes log lines', async () => {
      process.env.AWS_SECRET_ACCESS_KEY = 'not for the runner';
      onTestFinished(() => {
        delete process.env.AWS_SECRET_ACCESS_KEY;
      });
      const script = 'console.log(Object.keys(process.env).sort().join()); console.error("second line")';
      const { client, logged } = await setUp({ command: [process.execPath, '-e', script, '--'] });

      await client.load('fake', '1');

      const lines = logged.filter(({ event }) => event === 'runner.output').map(({ fields }) => fields);
      const names = String(lines.find(({ stream }) => stream === 'stdout')?.text).split(',');
      expect(names).toContain('PATH');
      expect(names.filter((name) => /AWS|SECRET|TOKEN|KEY/.test(name))).toEqual([]);
      expect(lines).toContainEqual(expect.objectContaining({ stream: 'stderr', text: 'second line' }));
    });
  });

  describe('closing a runner client', () => {
    it('lets the running batch end, then leaves nothing behind', async () => {
      const { client, scratchRoot, logged } = await setUp();
      const { started, outcomes } = runInBackground(client, batchOf({ a: { steps: 4, step_ms: 40 } }));
      await started;

      await client.close();

      expect(kindsOf(await outcomes)).toEqual({ a: 'succeeded' });
      expect(await readdir(scratchRoot)).toEqual([]);
      expect(logged.find(({ event }) => event === 'runner.ended')?.fields).toMatchObject({ exitCode: 0 });
    });

    it('kills a runner that does not end in time', async () => {
      const { client, scratchRoot } = await setUp({ drainMs: 100 });
      const { started, outcomes } = runInBackground(client, batchOf({ a: { steps: 1000, step_ms: 100 } }));
      await started;

      await client.close();

      expect((await outcomes).get('a')).toMatchObject(lost);
      expect(await readdir(scratchRoot)).toEqual([]);
    });

    it('leaves later calls with a lost worker', async () => {
      const { client } = await setUp();
      await client.load('fake', '1');
      await client.close();

      expect(await client.load('fake', '1')).toEqual({ kind: 'failed', code: 'worker_lost' });
      expect((await client.run(batchOf({ a: {} }), ignore)).get('a')).toMatchObject(lost);
    });

    it('may come while the process is still starting', async () => {
      const { client, scratchRoot } = await setUp();
      const folders = watch(scratchRoot);
      onTestFinished(() => folders.close());
      const loading = client.load('fake', '1');
      await once(folders, 'change');

      await client.close();

      await loading;
      expect(client.processId()).toBeNull();
      expect(await readdir(scratchRoot)).toEqual([]);
    });
  });

  describe('what a runner says', () => {
    const prompt = 'a lighthouse at Skagen that nobody else has seen';

    it("reaches the log without tenants' words, printed, as an error or as an event of its own", async () => {
      const { client, logged } = await setUp({
        command: [process.execPath, join(import.meta.dirname, 'chatty-runner.mjs')],
      });
      await client.load('fake', '1');

      await client.run(batchOf({ job_1: { prompt, nested: { note: 'call +45 12 34 56 78' } } }), ignore);
      await client.close();

      const events = logged.map(({ event }) => event);
      expect(events.filter((event) => event === 'runner.output').length).toBeGreaterThan(1);
      expect(events).toContain('runner.failure');
      expect(events).toContain('own.event');
      const text = JSON.stringify(logged);
      expect(text).toContain('could not draw [input], sorry');
      for (const part of [prompt, prompt.toUpperCase(), 'nobody else has seen', '+45 12 34 56 78']) {
        expect(text).not.toContain(part);
      }
    });

    it('reaches the log under the jobs and traces of the batch that runs', async () => {
      const { client, logged } = await setUp({
        command: [process.execPath, join(import.meta.dirname, 'chatty-runner.mjs')],
      });
      await client.load('fake', '1');

      const params = { prompt, nested: { note: 'x' } };
      await client.run({ ...batchOf({ job_1: params }), traceIds: ['4bf92f35', '58406520'] }, ignore);
      await client.close();

      const own = logged.find(({ event }) => event === 'own.event');
      expect(own?.fields).toMatchObject({
        batchId: 'batch_1',
        jobIds: 'job_1',
        traceIds: '4bf92f35 58406520',
      });
      expect(logged.find(({ event }) => event === 'runner.ended')?.fields).not.toHaveProperty('batchId');
    });

    it('reaches the log without what is said in a chat: long texts, short ones, pictures and answers', async () => {
      const { client, logged } = await setUp({
        command: [process.execPath, join(import.meta.dirname, 'chatty-runner.mjs')],
      });
      await client.load('fake', '1');
      const url = `data:image/png;base64,${'iVBORw0KGgo'.repeat(100)}`;
      const messages = [
        ...Array.from({ length: 300 }, (_, index) => ({ role: 'user', content: `${prompt} ${index}` })),
        { role: 'assistant', content: 'Skagen!' },
        { role: 'user', content: [{ type: 'image_url', image_url: { url } }] },
      ];

      await client.run(batchOf({ job_1: { messages } }), ignore);
      await client.close();

      const text = JSON.stringify(logged.filter(({ event }) => event !== 'runner.started'));
      expect(text).toContain('answered [input], [input], [input]');
      expect(text).toContain('could not answer [input]');
      for (const part of ['Skagen', 'nobody else', 'iVBORw0KGgo', 'the keeper', 'quarter past']) {
        expect(text).not.toContain(part);
      }
    });

    it('shows what is being drawn to those who ask, without a word of it in the log', async () => {
      const { client, logged } = await setUp({
        command: [process.execPath, join(import.meta.dirname, 'chatty-runner.mjs')],
      });
      await client.load('fake', '1');
      const shown: string[] = [];
      const item = { prompt, nested: { note: 'x' } };

      await client.run(batchOf({ job_1: item }), ignore);
      await client.run(batchOf({ job_2: item }), {
        ...ignore,
        onPreview: (id, { body }) => shown.push(`${id}: ${Buffer.from(body)}`),
      });
      await client.close();

      expect(shown).toEqual([`job_2: ${prompt}`]);
      expect(JSON.stringify(logged)).not.toContain(btoa(prompt).slice(0, 20));
    });

    it('reaches the log without the pictures that a picture is drawn from', async () => {
      const { client, logged } = await setUp({
        command: [process.execPath, join(import.meta.dirname, 'chatty-runner.mjs')],
      });
      await client.load('fake', '1');
      const url = (bytes: string) => `data:image/png;base64,${bytes.repeat(100)}`;
      const pictures = { image: url('iVBORw0KGgo'), mask: url('AAAANSUhEUg') };

      await client.run(batchOf({ job_1: { prompt, nested: { note: 'x' }, ...pictures } }), ignore);
      await client.close();

      const text = JSON.stringify(logged.filter(({ event }) => event !== 'runner.started'));
      expect(text).toContain('running {');
      for (const part of ['iVBORw0KGgo', 'AAAANSUhEUg']) expect(text).not.toContain(part);
    });
  });
});
