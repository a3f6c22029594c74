/** What most programs do with a job: wait for its end. */
import type { Client } from './client.ts';
import type { Error as ErrorBody, Job } from './schema.ts';

/** The API has refused a call. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly status: number;
  /** A row of the API's table of errors, such as `not_found`; null where something in between has answered. */
  readonly code: string | null;
  readonly requestId: string | null;

  constructor(response: Response, body: ErrorBody | undefined) {
    // Something in between may answer with anything.
    const error = body?.error as ErrorBody['error'] | undefined;
    super(error?.message ?? `The API answered ${response.status}.`);
    this.status = response.status;
    this.code = error?.code ?? null;
    this.requestId = response.headers.get('x-request-id');
  }
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** Is told of the job each time that it was read. */
  readonly onRead?: (job: Job) => void;
}

/** How long one call waits; whoever reads on is told of progress meanwhile. */
const waitSeconds = 20;

/**
 * The job once it has ended, in whatever way: `status` says which. Waits as long as that takes.
 * @throws RefusedError, and what a call throws that got no answer
 */
export async function waitForJob(client: Client, id: string, options: WaitOptions = {}): Promise<Job> {
  for (;;) {
    const { data, error, response } = await client.GET('/v1/jobs/{id}', {
      params: { path: { id }, query: { wait: waitSeconds } },
      signal: options.signal ?? null,
    });
    if (data === undefined) throw new RefusedError(response, error);
    options.onRead?.(data);
    if (data.finished_at !== null) return data;
  }
}
