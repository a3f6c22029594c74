/**
 * Requests in the words of another API on their way through the one flow of submissions. Whatever refuses one names what
 * is at fault by the request's own names.
 */
import type { DialectSubmission, Translated } from '#core/dialects/submission.ts';
import type { ErrorDetail } from '#core/errors.ts';
import { AppError } from '#core/errors.ts';
import { submit } from '#core/flows/submit.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { Accepted } from '../accepted.ts';
import { acceptedOf } from '../accepted.ts';
import type { ApiDeps } from '../api-deps.ts';
import type { Caller } from '../edge.ts';
import { checkedTarget } from '../webhooks.ts';

/** What these routes have in common of a call. */
export interface DialectCall {
  readonly caller: Caller;
  readonly headers: { readonly 'idempotency-key'?: string | undefined };
  readonly endsAtMs: number;
  readonly gone: AbortSignal;
  readonly requestId: string;
  readonly traceparent: string;
}

/** The submission; throws `invalid_request` where there is none. */
export function translatedOf<T extends DialectSubmission>(
  translated: T | Extract<Translated, { kind: 'invalid' }>,
): T {
  if (translated.kind === 'invalid') throw new AppError('invalid_request', { details: translated.details });
  return translated;
}

/** @param task of the models that the path is for; null: of every one */
export async function submitted(
  deps: ApiDeps,
  { caller, headers, traceparent }: DialectCall,
  submission: DialectSubmission,
  task: Manifest['task'] | null,
): Promise<Accepted> {
  const { tenant, keyId, granted } = caller;
  const { model, quality, input, metadata, stream, webhook = null, deadlineSeconds = null } = submission;
  const { class: jobClass = null, runMsMax = null } = submission;
  if (task !== null) refuseOtherTask(deps, caller, model, task);
  try {
    const outcome = await submit(deps, {
      ...{ tenant, keyId, granted, model, quality, input, metadata, stream, deadlineSeconds },
      ...{ class: jobClass, runMsMax },
      webhook: webhook && checkedTarget(deps, 'webhook.url', webhook),
      cache: null,
      idempotencyKey: headers['idempotency-key'] ?? null,
      traceparent,
    });
    return acceptedOf(outcome, tenant, deps.clock.nowMs());
  } catch (error) {
    throw error instanceof AppError ? renamed(error, submission) : error;
  }
}

/** Of the model, where it is known; null for an alias, which is left to what it stands for. */
export function taskOf({ catalog }: Pick<ApiDeps, 'catalog'>, name: string): Manifest['task'] | null {
  return catalog.get(name)?.manifest.task ?? null;
}

/** A model that draws has no answers. An alias is left to the input schema of its model. */
function refuseOtherTask(deps: ApiDeps, { granted }: Caller, name: string, task: Manifest['task']): void {
  const other = taskOf(deps, name);
  if (other === null || other === task || granted?.includes(name) === false) return;
  const message = `is of the task ${other}, and this path is for ${task}`;
  throw new AppError('invalid_request', { details: [{ path: 'model', message }] });
}

function renamed(error: AppError, { paramOf }: DialectSubmission): AppError {
  const { param, details } = error.options;
  const detailOf = (detail: ErrorDetail): ErrorDetail => ({ ...detail, path: paramOf(detail.path) });
  return new AppError(error.code, {
    ...error.options,
    ...(param === undefined ? {} : { param: paramOf(param) }),
    ...(details === undefined ? {} : { details: details.map(detailOf) }),
  });
}
