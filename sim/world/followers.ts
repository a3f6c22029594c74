/** Clients that follow a job: whatever fails, what they were told of it adds up to its result, or to the beginning of it. */
import { follow } from '#core/flows/follow.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { Preview } from '#core/stream/text-piece.ts';
import { violate } from './history.ts';
import type { World } from './world.ts';

/** Of a world's time: an outage lasts longer, and its follower then leaves. */
const patienceMs = 120_000;

/** Follows to the end, unless the follower loses its patience or the process dies; then nothing is known. */
export async function followOne(world: World, tenantId: string, jobId: string): Promise<void> {
  const { process, ports } = world.api('follow');
  const gone = new AbortController();
  world.loop.after(patienceMs, () => gone.abort());
  await process.serve(async () => {
    const job = await ports.jobs.get(tenantId, jobId, { consistent: true });
    if (job === null) return;
    const told = { job, attempt: job.attempt, text: '', at: 0 };
    const ask = { from: null, signal: gone.signal };
    for await (const followed of follow({ ...ports, clock: process.clock }, job, ask)) {
      if (followed.kind === 'job') told.job = followed.job;
      else {
        const { attempt, at } = followed.position;
        if (attempt !== told.attempt) Object.assign(told, { attempt, text: '', at: 0 });
        if (followed.kind === 'delta') told.text += followed.text;
        else checkPreview(world, jobId, followed.preview);
        told.at += followed.kind === 'delta' ? followed.text.length : 1;
        if (told.at !== at) violate(world.history, 'stream', `${jobId} was told ${at} places otherwise`);
      }
    }
    check(world, told);
  });
}

function checkPreview({ history }: World, jobId: string, { body }: Preview): void {
  const shownOf = new TextDecoder().decode(body);
  if (shownOf !== jobId) violate(history, 'stream', `${jobId} was shown a preview of ${shownOf}`);
}

function check(
  { history, scenario }: World,
  { job, attempt, text }: { readonly job: JobRecord; readonly attempt: number; readonly text: string },
): void {
  const whole = job.outputs[0]?.text;
  if (job.status !== 'succeeded' || whole === undefined || attempt !== job.attempt) return;
  if (!whole.startsWith(text)) violate(history, 'stream', `${job.jobId} said what is not in its result`);
  // Where nothing fails, nothing is left out; a result that was kept is there at once, and said by nobody.
  const wasSaid = job.streamed && job.receipt?.cachedFrom === undefined;
  if (scenario.isCalm && wasSaid && text !== whole) {
    violate(history, 'stream', `${job.jobId} said ${text.length} of ${whole.length} characters`);
  }
}
