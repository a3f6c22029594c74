/**
 * What a line of a batch file asks for, by its url: one table of urls, each with how its body becomes a submission and how
 * the job becomes the body of the answer. A translation of another API is a row of it.
 */
import type { AskedAdapter } from '../adapter/job-adapters.ts';
import type { JobRequest } from '../api/job-resource.ts';
import { jobRequestSchema, presentJob } from '../api/job-resource.ts';
import type { ErrorDetail } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import type { JobRecord } from '../job/job.ts';
import type { Quality } from '../tenancy/alias.ts';
import { chatLine, completionLine } from './openai-line.ts';

export interface LineRoute {
  /** Total: whatever the body is, what is wrong with it is told by field. */
  toSubmission(body: unknown): ReadLineBody;
  /**
   * The answer to a job that succeeded, as the same request by itself would have it; throws what `read` throws. Null: a
   * file of it is past its retention.
   * @param read a file of the job, by its path; null: it is past its retention
   */
  toBody(job: JobRecord, read: (path: string) => Promise<Uint8Array | null>): Promise<unknown>;
}

export type ReadLineBody =
  | { readonly kind: 'submission'; readonly submission: LineSubmission }
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] };

/** What a line says of its job; everything else is its batch's to say. */
export interface LineSubmission {
  readonly model: string;
  readonly quality: Quality | null;
  readonly input: unknown;
  readonly adapters: readonly AskedAdapter[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly deadlineSeconds: number | null;
  readonly cache: boolean | null;
  /** The name in the line's body of a field of the job, such as `input.max_tokens`. */
  paramOf(path: string): string;
}

const nativeLine: LineRoute = {
  toSubmission(body) {
    const parsed = jobRequestSchema.safeParse(body);
    if (!parsed.success) return { kind: 'invalid', details: faultsOf(parsed.error) };
    const { model, quality, input, adapters, metadata, deadline_s, cache } = parsed.data;
    const details = ofBatches(parsed.data);
    if (details.length > 0) return { kind: 'invalid', details };
    const submission = {
      model,
      quality: quality ?? null,
      input,
      adapters: adapters ?? [],
      metadata,
      deadlineSeconds: deadline_s ?? null,
      cache: cache ?? null,
      paramOf: (path: string) => path,
    };
    return { kind: 'submission', submission };
  },
  toBody: async (job) => presentJob(job, null),
};

/** Fields of a request that mean nothing, or something else, in a batch. */
function ofBatches({ class: asked, webhook }: JobRequest): ErrorDetail[] {
  return [
    ...(asked === 'interactive'
      ? [{ path: 'class', message: 'lines of a batch run in the class batch' }]
      : []),
    ...(webhook === undefined
      ? []
      : [{ path: 'webhook', message: 'lines have none: subscribe to batch.completed' }]),
  ];
}

/** By url. */
export const lineRoutes: Readonly<Record<string, LineRoute>> = {
  '/v1/jobs': nativeLine,
  '/v1/chat/completions': chatLine,
  '/v1/completions': completionLine,
};

/** Own names alone: `constructor` is no url. */
export function lineRouteOf(url: string): LineRoute | null {
  return Object.hasOwn(lineRoutes, url) ? (lineRoutes[url] ?? null) : null;
}
