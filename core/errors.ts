/**
 * The one table of error codes. An expected refusal is a value (a discriminated union) inside the product and
 * becomes a row of this table only at an edge; a thrown {@link AppError} always carries a code from here, so nothing
 * private can leak: the public text is fixed per code, or given explicitly as `publicMessage`.
 */

interface ErrorRow {
  /** HTTP status of the answer. */
  readonly status: number;
  /** OpenAI-style error family: SDKs choose their exception class by status and show this. */
  readonly type: string;
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
  /** What a client reads when the place that refused has nothing more exact to say. */
  readonly text: string;
}

/** Refusals of a request. */
export const requestErrors = {
  invalid_request: row(400, 'invalid_request_error', false, 'The request is not valid.'),
  invalid_prompt_xml: row(400, 'invalid_request_error', false, 'The prompt is not valid NewBie XML.'),
  invalid_adapter: row(400, 'invalid_request_error', false, 'The adapter cannot be used.'),
  invalid_json: row(400, 'invalid_request_error', false, 'The body is not valid JSON.'),
  invalid_api_key: row(401, 'authentication_error', false, 'The API key is missing or not valid.'),
  missing_scope: row(403, 'permission_error', false, 'The API key lacks a scope that this route needs.'),
  model_not_granted: row(403, 'permission_error', false, 'This model is not granted to the tenant.'),
  tenant_suspended: row(403, 'permission_error', false, 'The tenant is suspended.'),
  budget_exhausted: row(402, 'insufficient_quota', false, 'The budget of this month is used up.'),
  not_found: row(404, 'invalid_request_error', false, 'There is no such object.'),
  model_not_found: row(404, 'invalid_request_error', false, 'There is no such model.'),
  method_not_allowed: row(405, 'invalid_request_error', false, 'This path does not take this method.'),
  idempotency_in_flight: row(
    409,
    'invalid_request_error',
    true,
    'The first request with this Idempotency-Key is still being accepted.',
  ),
  conflict: row(409, 'invalid_request_error', false, 'The object is not in a state that allows this.'),
  payload_too_large: row(413, 'invalid_request_error', false, 'The body is larger than 128 KiB.'),
  headers_too_large: row(
    431,
    'invalid_request_error',
    false,
    'The address and the headers are larger than 16 KiB together.',
  ),
  unsupported_media_type: row(415, 'invalid_request_error', false, 'Send the body as application/json.'),
  idempotency_mismatch: row(
    422,
    'invalid_request_error',
    false,
    'This Idempotency-Key was used with another body.',
  ),
  prompt_rejected: row(
    422,
    'invalid_request_error',
    false,
    "The tenant's prompt policy refuses this prompt.",
  ),
  prompt_too_long: row(422, 'invalid_request_error', false, 'The prompt has more tokens than are read.'),
  rate_limit_exceeded: row(429, 'rate_limit_error', true, 'A rate limit of the tenant is used up.'),
  concurrency_limit: row(
    429,
    'rate_limit_error',
    true,
    'The tenant has as many open jobs as its plan allows.',
  ),
  quota_exceeded: row(429, 'insufficient_quota', true, 'A quota of the tenant is used up.'),
  job_failed: row(500, 'server_error', false, 'The job ended without a result.'),
  internal: row(
    500,
    'server_error',
    true,
    'Something failed on our side. It is safe to send the request again.',
  ),
  start_timeout: row(
    504,
    'timeout_error',
    false,
    'The job did not start, or an answer to it did not come, within the time that there was.',
  ),
  unavailable: row(503, 'server_error', true, 'The service cannot answer right now. Try again shortly.'),
} as const satisfies Record<string, ErrorRow>;

/** Why an accepted job ended without a result. None of these is charged. */
export const jobErrors = {
  out_of_memory: { retryable: true, text: 'The job does not fit the memory of its worker.' },
  model_error: { retryable: false, text: 'The model failed on this input.' },
  nan_output: { retryable: true, text: 'The model produced no valid numbers.' },
  invalid_input: { retryable: false, text: 'The model refused this input.' },
  deadline_exceeded: { retryable: false, text: 'The job did not start before its deadline.' },
  worker_lost: { retryable: true, text: 'The worker was lost while it ran the job, on every attempt.' },
  poison: { retryable: false, text: 'Every attempt at this job ended its runner.' },
  canceled: { retryable: false, text: 'The job was canceled.' },
  run_too_long: { retryable: false, text: 'The job ran longer than its request allows, and was stopped.' },
  output_upload_failed: { retryable: true, text: 'The result could not be stored.' },
  adapter_error: { retryable: false, text: 'An adapter of the job is gone, or does not fit its model.' },
  picture_error: { retryable: false, text: 'A picture that the input names is gone, or another one.' },
  no_such_model: { retryable: false, text: 'The worker does not hold this model.' },
} as const satisfies Record<string, { retryable: boolean; text: string }>;

/** Faults of starting a process by hand: they become one line and an exit code, never an HTTP answer. */
export const startErrors = {
  port_in_use: 'The port is in use.',
  data_unwritable: 'The data folder cannot be written.',
  data_full: 'There is no room left for the data folder. Make some and start again; nothing is lost.',
  data_broken: 'The data folder cannot be read.',
  data_in_use: 'Another process serves from this data folder.',
  weights_missing: 'A weight file is missing or damaged.',
  weights_unreachable: 'The weights cannot be fetched.',
  weights_corrupt: 'A weight file is not what its list says.',
  weights_no_room: 'There is no room for the weights.',
  model_not_ready: 'A model did not come up.',
  invalid_manifest: 'A model manifest is not valid.',
  invalid_environment: 'The environment is not valid.',
  invalid_config: 'The config of the deployment is not valid.',
  invalid_arguments: 'The command line is not valid.',
} as const satisfies Record<string, string>;

export type RequestErrorCode = keyof typeof requestErrors;
export type JobErrorCode = keyof typeof jobErrors;
export type StartErrorCode = keyof typeof startErrors;

/** One fault in a request, by the path of the field (`input.steps`) and, for line-based input, the line. */
export interface ErrorDetail {
  readonly path: string;
  readonly message: string;
  readonly line?: number;
  /** Code point in that line; both count from 1. */
  readonly column?: number;
  /** Says which rule it is, for programs. */
  readonly code?: string;
  /** What was counted, and how much is allowed. */
  readonly counted?: number;
  readonly allowed?: number;
}

export interface AppErrorOptions {
  /** Replaces the table's text; must hold nothing private. */
  readonly publicMessage?: string;
  /** For logs only. */
  readonly privateDetail?: string;
  /** The first field at fault. */
  readonly param?: string;
  readonly details?: readonly ErrorDetail[];
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** Thrown where a request cannot go on; the edge turns it into the answer of {@link requestErrors}. */
export class AppError extends Error {
  readonly code: RequestErrorCode;
  readonly options: AppErrorOptions;

  constructor(code: RequestErrorCode, options: AppErrorOptions = {}) {
    const shown = options.publicMessage ?? requestErrors[code].text;
    super(options.privateDetail === undefined ? shown : `${shown} (${options.privateDetail})`, {
      cause: options.cause,
    });
    this.name = 'AppError';
    this.code = code;
    this.options = options;
  }

  get publicMessage(): string {
    return this.options.publicMessage ?? requestErrors[this.code].text;
  }
}

/** Thrown while a process starts; the entry prints `message` as one line and exits with code 2. */
export class StartError extends Error {
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, detail: string, cause?: unknown) {
    super(`${startErrors[code]} ${detail}`, { cause });
    this.name = 'StartError';
    this.code = code;
  }
}

function row(status: number, type: string, retryable: boolean, text: string): ErrorRow {
  return { status, type, retryable, text };
}
