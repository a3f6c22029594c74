/**
 * One long batch whose platform is killed with `kill -9` at points spread over it. In the end each line of the file must
 * have exactly one result, in the file where it belongs, and each job behind a line one settlement.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FormData, fetch } from 'undici';
import * as z from 'zod';
import { inspect } from './aftermath.ts';
import type { Bench, BenchReport } from './bench.ts';
import { wholeFlag } from './bench.ts';
import { drained } from './client.ts';
import { fakeModelOnly } from './fake-models.ts';
import type { LocalStack } from './local-stack.ts';
import { startLocalStack } from './local-stack.ts';
import { between, randomOf } from './random.ts';

const workers = 2;
/** No request, and one that fails at its model: one line in so many each. */
const badEvery = 100;
const lookMs = 250;
/** After a point is reached: somewhere in what a look, a collection of results or a renewal does. */
const waitMs = { min: 0, max: 3_000 };
/** Without any line ending; the platform would have to be stuck. */
const standstillMsMax = 5 * 60_000;
/** The sweep looks every minute, and leaves alone what is younger than two. */
const drainMsMax = 10 * 60_000;

export const batchKillsBench: Bench = async (flags) => {
  const ask = {
    lines: wholeFlag(flags, 'lines', 10_000),
    kills: wholeFlag(flags, 'kills', 20),
    seed: wholeFlag(flags, 'seed', 1),
  };
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-bench-'));
  try {
    return await runBatch(ask, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

interface Ask {
  readonly lines: number;
  readonly kills: number;
  readonly seed: number;
}

const batchSchema = z.object({
  id: z.string(),
  status: z.string(),
  output_file_id: z.string().nullish(),
  error_file_id: z.string().nullish(),
  request_counts: z.object({ total: z.number(), completed: z.number(), failed: z.number() }),
});
type Batch = z.infer<typeof batchSchema>;

/** What of a line's result the judge goes by. */
const resultSchema = z.object({
  custom_id: z.string().nullable(),
  response: z.object({ status_code: z.number(), request_id: z.string() }).nullable(),
  error: z.object({ code: z.string(), line: z.number().optional() }).nullable(),
});
type Result = z.infer<typeof resultSchema>;

async function runBatch(ask: Ask, folder: string): Promise<BenchReport> {
  const dataDir = join(folder, 'data');
  const args = [
    ...['--no-first-job', '--min-workers', String(workers), '--max-workers', String(workers)],
    ...['--models', fakeModelOnly(folder)],
  ];
  const start = () => startLocalStack(dataDir, args);
  const random = randomOf(ask.seed);
  let stack = await start();
  const startedAtMs = performance.now();
  const { id } = await createBatch(
    stack,
    Array.from({ length: ask.lines }, (_, index) => lineOf(index)),
  );
  for (let kill = 1; kill <= ask.kills; kill += 1) {
    const point = Math.floor((ask.lines * kill) / (ask.kills + 1));
    const batch = await until(stack, id, (each) => endedLines(each) >= point);
    await delay(between(random, waitMs.min, waitMs.max));
    await stack.kill();
    process.stderr.write(
      `kill ${kill} of ${ask.kills}, ${endedLines(batch)} of ${ask.lines} lines had ended\n`,
    );
    stack = await start();
  }
  const batch = await until(stack, id, ({ status }) => !isUnderWay(status));
  const seconds = (performance.now() - startedAtMs) / 1000;
  // What the last kills left half done is found by the sweep, once its grace is over.
  const isDrained = await drained(stack, drainMsMax);
  const outputs = await resultsOf(stack, batch.output_file_id);
  const errors = await resultsOf(stack, batch.error_file_id);
  await stack.stop();
  const jobIds = [...outputs, ...errors].flatMap(({ response }) => response?.request_id ?? []);
  const { retried, faults } = await inspect(dataDir, jobIds);
  const stuck = isDrained ? [] : [`jobs were open ${drainMsMax / 60_000} minutes after the batch had ended`];
  const failures = [...faultsOf(ask, batch, outputs, errors), ...stuck, ...faults];
  return { rows: [rowOf(ask, { outputs, errors, retried, seconds, broken: failures.length })], failures };
}

const isBad = (index: number) => index % badEvery === 7;
const isFailing = (index: number) => index % badEvery === 42;

function lineOf(index: number): string {
  if (isBad(index)) return `no request ${index}`;
  const input = {
    prompt: `line ${index}`,
    steps: 1,
    step_ms: 0,
    ...(isFailing(index) ? { fault: 'error' } : {}),
  };
  return JSON.stringify({
    custom_id: `line-${index}`,
    method: 'POST',
    url: '/v1/jobs',
    body: { model: 'fake', input },
  });
}

async function createBatch(stack: LocalStack, lines: readonly string[]): Promise<Batch> {
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new Blob([`${lines.join('\n')}\n`]), 'lines.jsonl');
  const file = await ask(stack, '/v1/files', { method: 'POST', body: form });
  const { id } = z.object({ id: z.string() }).parse(await file.json());
  const body = JSON.stringify({ input_file_id: id, endpoint: '/v1/jobs', completion_window: '24h' });
  const answer = await ask(stack, '/v1/batches', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  return batchSchema.parse(await answer.json());
}

async function until(stack: LocalStack, id: string, isEnough: (batch: Batch) => boolean): Promise<Batch> {
  let [ended, changedAtMs] = [-1, performance.now()];
  for (;;) {
    const batch = batchSchema.parse(await (await ask(stack, `/v1/batches/${id}`)).json());
    if (isEnough(batch)) return batch;
    if (!isUnderWay(batch.status)) throw new Error(`the batch is ${batch.status} too early`);
    if (endedLines(batch) !== ended) [ended, changedAtMs] = [endedLines(batch), performance.now()];
    if (performance.now() - changedAtMs > standstillMsMax)
      throw new Error(`no line ended since ${ended} had`);
    await delay(lookMs);
  }
}

function isUnderWay(status: string): boolean {
  return ['validating', 'in_progress', 'finalizing'].includes(status);
}

function endedLines({ request_counts: { completed, failed } }: Batch): number {
  return completed + failed;
}

async function resultsOf(stack: LocalStack, fileId: string | null | undefined): Promise<Result[]> {
  if (fileId === null || fileId === undefined) return [];
  const text = await (await ask(stack, `/v1/files/${fileId}/content`)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => resultSchema.parse(JSON.parse(line)));
}

interface Sent {
  readonly method?: string;
  readonly body?: string | FormData;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask(stack: LocalStack, path: string, sent: Sent = {}) {
  const headers = { ...sent.headers, authorization: `Bearer ${stack.key}` };
  const answer = await fetch(`${stack.url}${path}`, { ...sent, headers });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** By line, as they stand in the file: what each must have come to, and what is there. */
function faultsOf(
  { lines }: Ask,
  { status, request_counts: counts }: Batch,
  outputs: readonly Result[],
  errors: readonly Result[],
): string[] {
  const faults = status === 'completed' ? [] : [`the batch ended as ${status}`];
  if (counts.total !== lines || counts.completed !== outputs.length || counts.failed !== errors.length)
    faults.push(
      `counts are ${JSON.stringify(counts)}, files have ${outputs.length} and ${errors.length} lines`,
    );
  const found = { outputs: countsOf(outputs), errors: countsOf(errors) };
  for (let index = 0; index < lines; index += 1) {
    const isError = isBad(index) || isFailing(index);
    const name = isBad(index) ? `line ${index + 1}` : `line-${index}`;
    const [own, other] = isError ? [found.errors, found.outputs] : [found.outputs, found.errors];
    if (own.get(name) !== 1) faults.push(`${name} has ${own.get(name) ?? 0} results`);
    if (other.has(name)) faults.push(`${name} has a result where none belongs`);
  }
  return faults;
}

/** A line that is no request has no name of its own: its number stands for it. */
function countsOf(results: readonly Result[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { custom_id: customId, error } of results) {
    const name = customId ?? `line ${error?.line}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

interface Outcome {
  readonly outputs: readonly Result[];
  readonly errors: readonly Result[];
  readonly retried: number;
  readonly seconds: number;
  readonly broken: number;
}

function rowOf({ lines, kills }: Ask, { outputs, errors, retried, seconds, broken }: Outcome) {
  return {
    lines,
    kills,
    'with a result': outputs.length,
    'with an error': errors.length,
    'jobs tried again': retried,
    'lines a second': (lines / seconds).toFixed(1),
    seconds: Math.round(seconds),
    broken,
  };
}
