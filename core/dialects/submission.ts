/** What a request in the words of another API comes to in ours. */
import type { ErrorDetail } from '../errors.ts';
import type { JobRecord } from '../job/job.ts';
import type { Quality } from '../tenancy/alias.ts';
import type { Json } from './openai/parameters.ts';

export interface DialectSubmission {
  readonly kind: 'submission';
  /** A model id or an alias. */
  readonly model: string;
  readonly quality: Quality | null;
  /** Not checked: the model does that. */
  readonly input: Readonly<Record<string, Json>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** The answer is to come as it is written. */
  readonly stream: boolean;
  /** A stream ends with what was used. */
  readonly includeUsage: boolean;
  /**
   * Where this request wants to be told; its address is not checked yet.
   * @default nowhere
   */
  readonly webhook?: JobRecord['webhook'];
  /**
   * Within which the job must start.
   * @default as long as any job may wait
   */
  readonly deadlineSeconds?: number;
  /** The name in the request of a field of the job, such as `input.max_tokens`. */
  paramOf(path: string): string;
}

/** `invalid`: refused before anything is asked of the model, with the names of the request. */
export type Translated =
  | DialectSubmission
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] };

/** `input.messages.0` is `messages.0`, and a field with another name in the request is called by that. */
export function paramNamed(names: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    const own = path.startsWith('input.') ? path.slice('input.'.length) : path;
    const [field = '', ...within] = own.split('.');
    const name = Object.hasOwn(names, field) ? names[field] : undefined;
    return name === undefined ? own : [name, ...within].join('.');
  };
}
