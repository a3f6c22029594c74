/**
 * Submits a job, follows it, and saves its pictures. Ctrl-C cancels the job, also when it comes while the submission
 * is under way: that is let through first, because otherwise nobody would know the id to cancel.
 */
import type { Job } from '#client/schema.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import type { Values } from '../command.ts';
import { defineCommand, oneOf, pairs, wholeNumber } from '../command.ts';
import type { SeenJob } from '../follow-job.ts';
import { followJob } from '../follow-job.ts';
import { errorText, exitCodeOf, outputText, runFields, unknownWordsWarning } from '../job-view.ts';
import type { SavedOutput, SaveOptions } from '../output-files.ts';
import { checkPathsAreFree, saveOutputs } from '../output-files.ts';
import type { PictureSource } from '../picture-file.ts';
import { pictureOf } from '../picture-file.ts';
import type { Session } from '../session.ts';
import { fields } from '../table.ts';

const options = {
  output: { type: 'string', short: 'o', value: 'FILE', help: 'Where to save (several: FILE-0, FILE-1)' },
  force: { type: 'boolean', help: 'Overwrite files' },
  model: { type: 'string', value: 'ID', help: 'Model (pilotlight-shapes)' },
  quality: { type: 'string', value: 'TIER', help: 'fast or high, where the model has tiers' },
  size: { type: 'string', value: 'PIXELS', help: 'Width and height' },
  steps: { type: 'string', value: 'N', help: 'Sampling steps' },
  seed: { type: 'string', value: 'N', help: 'The same seed gives the same picture' },
  n: { type: 'string', value: 'N', help: 'Number of pictures' },
  image: { type: 'string', value: 'FILE', help: 'Picture to draw from, where the model takes one' },
  mask: { type: 'string', value: 'FILE', help: 'Where to draw anew (white) and what to keep (black)' },
  strength: { type: 'string', value: 'PART', help: 'How far from the image: above 0, at most 1' },
  set: {
    type: 'string',
    multiple: true,
    value: 'NAME=VALUE',
    help: 'Any other input of the model; repeatable',
  },
  adapter: {
    type: 'string',
    multiple: true,
    value: 'ID[:WEIGHT]',
    help: 'A LoRA of yours, at weight 1 or another; repeatable',
  },
  class: {
    type: 'string',
    value: 'CLASS',
    help: 'interactive or batch (as the plan says, else interactive)',
  },
  meta: { type: 'string', multiple: true, value: 'KEY=VALUE', help: 'Label of your own; repeatable' },
  'idempotency-key': { type: 'string', value: 'KEY', help: 'The same key never makes a second job' },
  cache: { type: 'boolean', help: 'Take the result of the same input and seed, if one was kept' },
  'no-cache': { type: 'boolean', help: 'Make it anew, and keep nothing (else: as the tenant is set)' },
  'no-wait': { type: 'boolean', help: 'Print the job id and leave' },
} as const;

/** Cancelling must not keep somebody who wants to leave. */
const cancelMsMax = 10_000;

export const command = defineCommand({
  name: 'generate',
  summary: 'Make pictures from a prompt',
  takes: ['PROMPT'],
  options,
  examples: [
    'pilotlight generate "a red ring above a blue square" -o out.png',
    'pilotlight generate "two green stars" --n 2 --size 512 --steps 8 --seed 7 -o star.png',
    'pilotlight generate "a blue square" --no-wait --json',
    'pilotlight generate "in winter" --model z-image-turbo --image street.jpg -o winter.png',
    'pilotlight generate "a blue square" --seed 7 --cache -o square.png',
  ],
  async run(session, values, [prompt = '']) {
    const input = inputOf(prompt, values);
    const saving = { path: values.output, overwrite: values.force };
    checkPathsAreFree(session.cwd, saving, typeof input.n === 'number' ? input.n : 1);

    const pictures = await picturesOf(session, values);
    const submitted = await submit(session, values, { ...input, ...pictures });
    if (session.interrupted.aborted) return cancel(session, submitted.job);
    if (values['no-wait']) return printSubmitted(session, submitted);
    try {
      return await finish(session, await follow(session, submitted), saving);
    } catch (error) {
      if (!session.interrupted.aborted) throw error;
      return cancel(session, submitted.job);
    }
  },
});

type GenerateValues = Values<typeof options>;
type JobInput = Job['input'];

/** What the model does not have, the API refuses by name. */
export function inputOf(
  prompt: string,
  values: Pick<GenerateValues, 'set' | 'strength' | InputNumber>,
): JobInput {
  const numbers = inputNumbers.map((name) => [name, wholeNumber(name, values[name])] as const);
  return {
    ...Object.fromEntries(
      Object.entries(pairs('set', values.set)).map(([name, text]) => [name, inputValue(text)]),
    ),
    ...Object.fromEntries(numbers.filter(([, value]) => value !== undefined)),
    ...(values.strength === undefined ? {} : { strength: partOf('strength', values.strength) }),
    prompt,
  };
}

/** What the command line names, read from this machine; a model that takes no pictures refuses them by name. */
export async function picturesOf(
  source: PictureSource,
  { image, mask }: Pick<GenerateValues, 'image' | 'mask'>,
): Promise<JobInput> {
  return {
    ...(image === undefined ? {} : { image: await pictureOf(source, image) }),
    ...(mask === undefined ? {} : { mask: await pictureOf(source, mask) }),
  };
}

/** Which there may be is the model's to say. */
function partOf(name: string, text: string): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(number)) throw usageError(`--${name} takes a number, such as 0.6, and not ${text}`);
  return number;
}

const inputNumbers = ['size', 'steps', 'seed', 'n'] as const;
type InputNumber = (typeof inputNumbers)[number];

/** JSON where it reads as JSON (`3`, `true`, `[1,2]`), else the text itself. */
function inputValue(text: string): JobInput[string] {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** Which weights there may be is the API's to say. */
export function adapterOf(text: string): { id: string; weight?: number } {
  const [id = '', weight, ...more] = text.split(':');
  if (weight === undefined) return { id };
  const number = weight.trim() === '' ? Number.NaN : Number(weight);
  if (more.length > 0 || !Number.isFinite(number)) {
    throw usageError(`--adapter takes ID or ID:WEIGHT, such as adapter_...:0.8, and not ${text}`);
  }
  return { id, weight: number };
}

async function submit({ client }: Session, values: GenerateValues, input: JobInput): Promise<SeenJob> {
  const idempotencyKey = values['idempotency-key'];
  if (idempotencyKey === '') throw usageError('--idempotency-key must not be empty');
  if (values.cache && values['no-cache']) throw usageError('--cache and --no-cache exclude each other');
  const { body, json } = await client.call(
    'submitJob',
    {
      headers: { 'Idempotency-Key': idempotencyKey },
      body: {
        model: values.model ?? 'pilotlight-shapes',
        quality: oneOf('quality', ['fast', 'high'], values.quality),
        input,
        ...(values.adapter.length === 0 ? {} : { adapters: values.adapter.map(adapterOf) }),
        class: oneOf('class', ['interactive', 'batch'], values.class),
        metadata: pairs('meta', values.meta),
        ...(values.cache || values['no-cache'] ? { cache: values.cache } : {}),
      },
    },
    // Never aborted: see the head of this file. A second Ctrl-C leaves at once.
    new AbortController().signal,
  );
  return { job: body, json };
}

function printSubmitted(session: Session, { job, json }: SeenJob): number {
  if (session.json) session.printJson(json);
  else session.print(job.id);
  session.note(`follow it with: pilotlight jobs watch ${job.id} -o out.png`);
  return exitCodes.ok;
}

async function follow(session: Session, submitted: SeenJob): Promise<SeenJob> {
  const progress = session.startProgress();
  try {
    return await followJob(session, submitted, ({ job }) => progress.update(job));
  } finally {
    progress.end();
  }
}

/** Saves and prints a job that ended; also the end of `jobs watch -o`. */
export async function finish(session: Session, { job, json }: SeenJob, saving: SaveOptions): Promise<number> {
  const warning = unknownWordsWarning(job);
  if (warning !== null) session.note(warning);
  const saved = job.status === 'succeeded' ? await saveOutputs(session, job, saving) : [];
  if (session.json) {
    session.printJson(json);
    for (const { path } of saved) session.note(`saved ${path}`);
  } else if (job.status === 'succeeded') session.print(resultText(job, saved));
  else session.note(`job ${job.id} ${job.status}: ${errorText(job) ?? 'no reason given'}`);
  return exitCodeOf(job);
}

function resultText(job: Job, saved: readonly SavedOutput[]): string {
  const files = saved.map(({ path, output }): [string, string] => [
    'saved',
    `${path} (${outputText(output)})`,
  ]);
  return fields([...files, ...runFields(job), ['job', job.id]]);
}

async function cancel({ client, note }: Session, { id }: Job): Promise<number> {
  note(`interrupted: canceling job ${id} (Ctrl-C again to leave at once)`);
  try {
    const { body } = await client.call('cancelJob', { params: { id } }, AbortSignal.timeout(cancelMsMax));
    note(body.status === 'canceled' ? `job ${id} is canceled` : cancelLater(body));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    note(`could not cancel job ${id}: ${error.message}`);
  }
  return exitCodes.interrupted;
}

function cancelLater({ id, status }: Job): string {
  return status === 'running' ? `job ${id} ends at its next step` : `job ${id} had ended before: ${status}`;
}
