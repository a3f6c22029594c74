/** Answers that come while their job runs: it is there for its client alone, and is canceled where that one leaves. */
import type { DialectSubmission } from '#core/dialects/submission.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { Accepted } from '../../accepted.ts';
import { acceptedHeaders } from '../../accepted.ts';
import type { ApiAnswer } from '../../answer.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Said } from '../../event-stream.ts';
import { EventStream, eventLines } from '../../event-stream.ts';
import { jobHeaders } from '../../job-answer.ts';
import { takePlace } from '../../place.ts';
import type { DialectCall } from '../submitted.ts';
import { submitted } from '../submitted.ts';
import { abandon } from './succeeded.ts';

/** Set where the job has ended, whatever is still to be said of it. */
export interface StreamEnd {
  isReached: boolean;
}

/** What a stream says of the job, from its submission on. */
export type SaidOf = (accepted: Accepted, end: StreamEnd) => AsyncGenerator<Said, void, void>;

/** The place is taken first: a job that is accepted is answered. */
export async function streamJob(
  deps: ApiDeps,
  call: DialectCall,
  { submission, task }: { readonly submission: DialectSubmission; readonly task: Manifest['task'] },
  saidOf: SaidOf,
): Promise<ApiAnswer> {
  const place = await takePlace(deps, call.caller.tenant.tenantId);
  try {
    const accepted = await submitted(deps, call, submission, task);
    const end: StreamEnd = { isReached: false };
    const body = new EventStream(eventLines(deps, saidOf(accepted, end)), async () => {
      await place.release();
      if (!end.isReached) await abandon(deps, accepted);
    });
    const headers = { ...acceptedHeaders(deps, call, accepted), ...jobHeaders(accepted.job) };
    return { status: 200, headers, body };
  } catch (error) {
    await place.release();
    throw error;
  }
}
