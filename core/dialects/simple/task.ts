/**
 * The simple form: a prompt in, an id back, and a page to ask. As guides to servers of one's own show it: the model may be
 * left out, and sizes and steps go by the names that such servers have for them.
 */
import * as z from 'zod';
import { jobIdSchema } from '../../api/job-resource.ts';
import type { ErrorDetail } from '../../errors.ts';
import { faultsOf } from '../../faults.ts';
import type { JobRecord, JobStatus } from '../../job/job.ts';
import type { Manifest } from '../../models/manifest.ts';
import type { Json, Parameters } from '../openai/parameters.ts';
import type { ToldOutput } from '../outputs.ts';
import type { Translated } from '../submission.ts';
import { paramNamed } from '../submission.ts';

const sideSchema = z.int().min(1).max(99_999);

export const generateRequestSchema = z
  .looseObject({
    prompt: z.string(),
    model: z.string().min(1).max(128).optional().meta({
      description: 'Model id or alias; left out: the first by id that draws, of those that the key may use',
    }),
    size: z
      .union([z.int(), z.string().regex(/^[1-9]\d{0,4}x[1-9]\d{0,4}$/, 'must be a size such as 512x512')])
      .optional()
      .meta({ description: 'Pixels on a side, or such as 512x512; only squares' }),
    width: sideSchema.optional().meta({ description: 'With `height`, the same: in place of `size`' }),
    height: sideSchema.optional(),
    num_inference_steps: z.int().optional().meta({ description: 'In place of `steps`' }),
  })
  .meta({
    id: 'GenerateRequest',
    description: "Other parameters that the model's input schema names, such as `steps` and `seed`, go to it",
  });

export type GenerateRequest = z.infer<typeof generateRequestSchema>;

export const taskStatuses = ['queued', 'generating', 'done', 'failed'] as const;

export type TaskStatus = (typeof taskStatuses)[number];

const taskFields = { task_id: jobIdSchema, status: z.enum(taskStatuses) };

export const acceptedTaskSchema = z
  .strictObject({
    ...taskFields,
    status_url: z.string().meta({ description: 'Path to ask for the task by, relative to the API’s origin' }),
  })
  .meta({ id: 'AcceptedTask' });

export const taskSchema = z
  .strictObject({
    ...taskFields,
    progress: z.number().min(0).max(1).optional().meta({ description: 'Share of its steps, once it runs' }),
    images: z
      .array(z.string())
      .optional()
      .meta({ description: 'Links that work for 15 minutes without a key; ask again for new ones' }),
    text: z.string().optional(),
    error: z.string().optional(),
  })
  .meta({ id: 'Task' });

export type Task = z.infer<typeof taskSchema>;

/** @param task of the model, where it is known; an alias is left to what it stands for */
export function toSubmission(body: unknown, model: string, task: Manifest['task'] | null): Translated {
  const parsed = generateRequestSchema.safeParse(body);
  if (!parsed.success) return { kind: 'invalid', details: faultsOf(parsed.error) };
  const { prompt, model: _, size, width, height, num_inference_steps: steps, ...others } = parsed.data;
  const side = sideOf(parsed.data);
  const details = [...side.details, ...twice(parsed.data, 'steps', 'num_inference_steps')];
  if (details.length > 0) return { kind: 'invalid', details };
  // Parsed from JSON, so whatever a loose object holds is JSON.
  const rest = others as Parameters;
  const isChat = task === 'chat';
  const asked: Json = [{ role: 'user', content: prompt }];
  const names = {
    ...(width === undefined ? {} : { size: 'width' }),
    ...(steps === undefined ? {} : { steps: 'num_inference_steps' }),
  };
  const named = paramNamed(names);
  return {
    kind: 'submission',
    model,
    quality: null,
    input: {
      ...rest,
      ...(isChat ? { messages: asked } : { prompt }),
      ...(side.pixels === null ? {} : { size: side.pixels }),
      ...(steps === undefined ? {} : { steps }),
    },
    metadata: {},
    stream: false,
    includeUsage: false,
    paramOf: (path) => (isChat && path.startsWith('input.messages') ? 'prompt' : named(path)),
  };
}

/** Pixels on a side; null: as the model draws. */
function sideOf({ size, width, height }: GenerateRequest): {
  readonly pixels: number | null;
  readonly details: readonly ErrorDetail[];
} {
  const [first, second] = typeof size === 'string' ? size.split('x').map(Number) : [size, size];
  const message = 'must be a square, by size or by width and height';
  if (size !== undefined) {
    const isOne = first === second && width === undefined && height === undefined;
    return { pixels: first ?? null, details: isOne ? [] : [{ path: 'size', message }] };
  }
  return { pixels: width ?? null, details: width === height ? [] : [{ path: 'width', message }] };
}

function twice(request: GenerateRequest, name: string, other: keyof GenerateRequest): ErrorDetail[] {
  const isTwice = request[name] !== undefined && request[other] !== undefined;
  return isTwice ? [{ path: String(other), message: `goes without ${name}` }] : [];
}

export function acceptedTask(job: JobRecord): z.infer<typeof acceptedTaskSchema> {
  return { task_id: job.jobId, status: statuses[job.status], status_url: `/status/${job.jobId}` };
}

/** @param outputs null while the job has not succeeded, and once its files are gone */
export function presentTask(job: JobRecord, outputs: readonly ToldOutput[] | null): Task {
  const { status, error } = job;
  const [first] = outputs ?? [];
  return {
    task_id: job.jobId,
    status: statuses[status],
    ...progressOf(job),
    ...(outputs === null || first?.type === 'text'
      ? {}
      : { images: outputs.flatMap((each) => (each.type === 'image' ? [each.url] : [])) }),
    ...(first?.type === 'text' ? { text: first.text } : {}),
    ...(status === 'succeeded' && outputs === null ? { error: 'The files of the task are gone.' } : {}),
    // The last error of a job that will be tried again is not its end.
    ...(statuses[status] === 'failed' ? { error: error?.message ?? 'The task ended without a result.' } : {}),
  };
}

const statuses: Readonly<Record<JobStatus, TaskStatus>> = {
  queued: 'queued',
  running: 'generating',
  succeeded: 'done',
  failed: 'failed',
  canceled: 'failed',
  expired: 'failed',
};

/** A job may end before anybody wrote how far it was. */
function progressOf({ status, progress }: JobRecord): Pick<Task, 'progress'> {
  if (status === 'succeeded') return { progress: 1 };
  return progress === null || progress.steps === 0 ? {} : { progress: progress.step / progress.steps };
}
