/** A client as users write it: retries what is safe to retry, waits when told to, and remembers what it was told. */
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, fetch } from 'undici';
import * as z from 'zod';

const jobAnswerSchema = z.object({ id: z.string(), status: z.string(), finished_at: z.string().nullable() });
const errorAnswerSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

export interface Target {
  readonly url: string;
  readonly key: string;
}

export type SubmitAnswer =
  | { readonly kind: 'accepted'; readonly jobId: string }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly code: string;
      readonly retryAfterMs: number;
      /** Whether the answer said when to come back. */
      readonly saysWhen: boolean;
    }
  /** No answer at all: the request may or may not have been taken. */
  | { readonly kind: 'unanswered'; readonly reason: string };

const requestMs = 120_000;

/** As many sockets as there are requests: all of them are under way at once. */
const manySockets = new Agent({
  connections: null,
  headersTimeout: requestMs,
  bodyTimeout: requestMs,
  connect: { timeout: requestMs },
});

export async function submitOnce(
  target: Target,
  idempotencyKey: string,
  body: unknown,
): Promise<SubmitAnswer> {
  try {
    const answer = await fetch(`${target.url}/v1/jobs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${target.key}`,
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
      },
      body: JSON.stringify(body),
      dispatcher: manySockets,
    });
    const content: unknown = await answer.json();
    if (answer.ok) return { kind: 'accepted', jobId: jobAnswerSchema.parse(content).id };
    const { error } = errorAnswerSchema.parse(content);
    const retryAfter = answer.headers.get('retry-after');
    return {
      kind: 'refused',
      status: answer.status,
      code: error.code,
      retryAfterMs: Number(retryAfter ?? 1) * 1000,
      saysWhen: retryAfter !== null,
    };
  } catch (error) {
    if (error instanceof z.ZodError) throw error;
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    return { kind: 'unanswered', reason: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** How many jobs of the tenant are not terminal. */
export async function openJobs(target: Target): Promise<number> {
  const answer = await fetch(`${target.url}/v1/limits`, {
    headers: { authorization: `Bearer ${target.key}` },
  });
  const limits = z
    .object({ limits: z.array(z.object({ name: z.string(), used: z.number() })) })
    .parse(await answer.json());
  return limits.limits.find(({ name }) => name === 'open_jobs_max')?.used ?? 0;
}

/** Waits until the tenant has no open job; false when that takes longer than `patienceMs`, or `ending` aborts. */
export async function drained(target: Target, patienceMs: number, ending?: AbortSignal): Promise<boolean> {
  const untilMs = performance.now() + patienceMs;
  while (performance.now() < untilMs && ending?.aborted !== true) {
    const open = await openJobs(target).catch(() => 1);
    if (open === 0) return true;
    await delay(250);
  }
  return false;
}
