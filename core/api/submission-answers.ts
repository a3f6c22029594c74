/** What the answers of all routes that take a job have in common. */
import type { RequestErrorCode } from '../errors.ts';

export const jobAnswerHeaders = {
  'x-pilotlight-job-id': 'Id of the job',
  'x-pilotlight-cost-usd': 'Cost in USD, once the job is priced',
  'x-pilotlight-cache': '`hit` for a result that came out of the result cache',
};

export const limitAnswerHeaders = {
  'idempotency-replayed': 'true when an earlier request was answered again',
  'x-ratelimit-limit-requests':
    'Requests that the plan allows in a window: a minute, else a second, else a day',
  'x-ratelimit-remaining-requests': 'Requests left in this window',
  'x-ratelimit-reset-requests': 'Time until the window ends, such as 12s',
  'x-ratelimit-limit-images': 'Images a minute that the plan allows, by resolution: 512 x 512 is one',
  'x-ratelimit-remaining-images': 'Images left in this minute',
  'x-ratelimit-reset-images': 'Time until the minute ends, such as 12s',
  'x-ratelimit-limit-tokens':
    'Tokens a minute that the plan allows, of prompts and of answers as they are asked for',
  'x-ratelimit-remaining-tokens': 'Tokens left in this minute',
  'x-ratelimit-reset-tokens': 'Time until the minute ends, such as 12s',
  'ratelimit-policy': 'Every limit of requests, images and tokens: quota q in w seconds',
  ratelimit: 'The same limits: r are left, and the window ends in t seconds',
  'x-pilotlight-budget-warning': 'The month has passed the soft budget; nothing is refused for it',
};

export const authErrors = ['invalid_api_key', 'missing_scope', 'tenant_suspended'] as const;

export const submissionErrors = [
  ...authErrors,
  'invalid_request',
  'invalid_json',
  'invalid_adapter',
  'invalid_prompt_xml',
  'prompt_too_long',
  'prompt_rejected',
  'model_not_found',
  'model_not_granted',
  'idempotency_in_flight',
  'conflict',
  'idempotency_mismatch',
  'payload_too_large',
  'unsupported_media_type',
  'budget_exhausted',
  'rate_limit_exceeded',
  'quota_exceeded',
  'concurrency_limit',
] as const satisfies readonly RequestErrorCode[];
