/**
 * CloudFormation's side of the set-up: it invokes the function with an address to answer to, and waits. Whatever happens, an
 * answer goes there: without one the deployment would hang for an hour. The answer holds no secret, as a console shows it.
 */
import type { Context } from 'aws-lambda';
import * as z from 'zod';
import { AppError } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';
import type { Log } from '#core/ports/process.ts';
import { type ConfiguredPlans, configuredPlansSchema } from './set-up.ts';

/** After "Custom resource request objects" of CloudFormation's reference. */
const requestSchema = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  ResponseURL: z.url({ protocol: /^https?$/ }),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  ResourceProperties: z.looseObject({
    plans: z.string(),
    onDestroy: z.enum(['keep', 'delete']).default('keep'),
  }),
});

/** The same at every answer: another one would make CloudFormation delete what it takes for the one before. */
const physicalId = 'set-up';
const answerWithinMs = 10_000;
/** CloudFormation takes 4 KB altogether. */
const reasonCharactersMax = 1_000;

export interface SetupDeps {
  readonly log: Log;
  readonly setUp: (plans: ConfiguredPlans) => Promise<void>;
  /** Files and secrets, of a deployment that is to leave nothing. */
  readonly takeDown: (stopping: AbortSignal) => Promise<void>;
}

/** @throws when what came is no request of CloudFormation's, or it takes no answer */
export function createSetupHandler({
  log,
  setUp,
  takeDown,
}: SetupDeps): (event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<void> {
  return async (event, context) => {
    const request = requestSchema.parse(event);
    const { StackId, RequestId, LogicalResourceId } = request;
    const outcome = await attempt();
    const answer = { ...outcome, StackId, RequestId, LogicalResourceId, PhysicalResourceId: physicalId };
    const { ok, status } = await fetch(request.ResponseURL, {
      method: 'PUT',
      body: JSON.stringify(answer),
      signal: AbortSignal.timeout(answerWithinMs),
    });
    if (!ok) throw new AppError('unavailable', { privateDetail: `CloudFormation took no answer: ${status}` });

    async function attempt(): Promise<{ Status: 'SUCCESS' } | { Status: 'FAILED'; Reason: string }> {
      try {
        const { plans, onDestroy } = request.ResourceProperties;
        if (request.RequestType !== 'Delete') await setUp(plansOf(plans));
        // Unless it was asked for, what was set up belongs to the data, which outlives its stacks.
        else if (onDestroy === 'delete') await takeDown(AbortSignal.timeout(leftMs(context)));
        return { Status: 'SUCCESS' };
      } catch (error) {
        log.error('setup.failed', { reason: String(error) });
        return { Status: 'FAILED', Reason: String(error).slice(0, reasonCharactersMax) };
      }
    }
  };
}

function leftMs({ getRemainingTimeInMillis }: Pick<Context, 'getRemainingTimeInMillis'>): number {
  return Math.max(0, getRemainingTimeInMillis() - 2 * answerWithinMs);
}

/** @throws AppError `invalid_request`, naming every fault */
function plansOf(text: string): ConfiguredPlans {
  const parsed = configuredPlansSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new AppError('invalid_request', { details: faultsOf(parsed.error, ['plans']) });
}
