/** The first job of a start: one prompt through the whole path, as a client sends it, with the time of every phase. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobResource } from '#core/api/job-resource.ts';
import { jobSchema } from '#core/api/job-resource.ts';

export interface FirstLight {
  readonly url: string;
  readonly key: string;
  readonly dataDir: string;
  /** One line of what happens, as it happens. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const prompt = 'a red ring above a blue square';
const model = 'pilotlight-shapes';
/** A laptop under load takes seconds; this long means that something is broken. */
const patienceMs = 120_000;
const waitSeconds = 1;

/** Answers the path of the picture, or null when the job did not succeed. */
export async function runFirstJob(light: FirstLight): Promise<string | null> {
  const signal = AbortSignal.any([light.signal, AbortSignal.timeout(patienceMs)]);
  const startedAtMs = performance.now();
  light.say(`first job: "${prompt}" on ${model}`);
  let job = await call(light, 'POST', '/v1/jobs', signal, { model, input: { prompt, seed: 7 } });
  let shown = '';
  while (job.finished_at === null) {
    const phase = phaseOf(job);
    if (phase !== shown) light.say(`  ${phase}`);
    shown = phase;
    job = await call(light, 'GET', `/v1/jobs/${job.id}?wait=${waitSeconds}`, signal);
  }
  if (job.status !== 'succeeded') {
    light.say(`  the job ${job.status}: ${job.error?.message ?? 'no reason given'}`);
    return null;
  }
  const path = await savePicture(light, job, signal);
  light.say(
    `  ${timingsOf(job)}; ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s in all, from zero workers`,
  );
  return path;
}

function phaseOf(job: JobResource): string {
  if (job.wait?.reason === 'starting_worker') return 'starting a worker';
  if (job.wait?.reason === 'loading_model') return 'loading the model';
  if (job.wait !== null) return 'waiting in line';
  return job.progress === null ? 'loading the model' : 'drawing';
}

function timingsOf({ timings }: JobResource): string {
  if (timings === null) return 'no timings';
  const { queued_ms, load_ms, run_ms, upload_ms } = timings;
  return `wake and queue ${queued_ms} ms, load ${load_ms} ms, run ${run_ms} ms, store ${upload_ms} ms`;
}

async function savePicture(light: FirstLight, job: JobResource, signal: AbortSignal): Promise<string> {
  const [output] = job.output;
  if (output === undefined) throw new Error(`job ${job.id} succeeded without an output`);
  const answer = await fetch(new URL(output.url, light.url), { headers: authorization(light), signal });
  if (!answer.ok) throw new Error(`the picture answered ${answer.status}`);
  const path = join(light.dataDir, 'first-light.png');
  await writeFile(path, new Uint8Array(await answer.arrayBuffer()));
  return path;
}

async function call(
  light: FirstLight,
  method: string,
  path: string,
  signal: AbortSignal,
  body?: unknown,
): Promise<JobResource> {
  const answer = await fetch(new URL(path, light.url), {
    method,
    headers: { ...authorization(light), 'content-type': 'application/json' },
    signal,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
  return jobSchema.parse(await answer.json());
}

function authorization({ key }: FirstLight): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}
