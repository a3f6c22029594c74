/** Follows a job until it ends, in short waits so that its progress shows. */
import type { Job } from '#client/schema.ts';
import { isTerminal } from './job-view.ts';
import type { Session } from './session.ts';

/** Progress is written about twice a second; a longer wait would hide it. */
const waitSeconds = 1;
/** Where somebody watches, the first seconds are looked at more closely: most jobs start and end in them. */
const closeLook = { everyMs: 300, times: 30 } as const;

/** The job as it is now, and as the API has it in JSON. */
export interface SeenJob {
  readonly job: Job;
  readonly json: unknown;
}

/** Reads the job once, or waits up to `wait` seconds for its end. */
export async function readJob({ client }: Session, id: string, wait?: number): Promise<SeenJob> {
  const answer = await client.call('getJob', { params: { id }, query: { wait } });
  // 304 only answers If-None-Match, which is not sent.
  if (answer.status !== 200) throw new Error(`unconditional read answered ${answer.status}`);
  return { job: answer.body, json: answer.json };
}

/** Calls `onSeen` with every answer, the last one included, and returns that. */
export async function followJob(
  session: Session,
  first: SeenJob,
  onSeen: (seen: SeenJob) => void,
): Promise<SeenJob> {
  let seen = first;
  onSeen(seen);
  for (let look = 0; !isTerminal(seen.job); look += 1) {
    seen = await lookAgain(session, seen.job.id, session.isLive && look < closeLook.times);
    onSeen(seen);
  }
  return seen;
}

async function lookAgain(session: Session, id: string, isClose: boolean): Promise<SeenJob> {
  if (!isClose) return readJob(session, id, waitSeconds);
  await session.sleep(closeLook.everyMs);
  return readJob(session, id);
}
