/** Loops that people write around a queue: what ours is measured against. They neither lease, charge nor settle anything. */
import type { HeldTicket } from '#core/ports/tickets.ts';
import type { Scene } from './drain.ts';

/** Receive one, read it, run it, store its result, write its status and its usage, delete it; then the next. */
export async function naiveLoop(scene: Scene, pool: string, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) await handle(scene, await fetchOne(scene, pool, stopping));
}

/** The same with the next one fetched while one is handled, as a queue client with a prefetch of one does. */
export async function prefetchingLoop(scene: Scene, pool: string, stopping: AbortSignal): Promise<void> {
  let coming = fetchOne(scene, pool, stopping);
  while (!stopping.aborted) {
    const next = await coming;
    coming = fetchOne(scene, pool, stopping);
    await handle(scene, next);
  }
}

async function fetchOne(
  { tickets, jobs }: Scene,
  pool: string,
  stopping: AbortSignal,
): Promise<HeldTicket | null> {
  const [ticket] = await tickets.receive(pool, 1, 20_000, stopping);
  if (ticket === undefined) return null;
  await jobs.get(ticket.tenantId, ticket.jobId, { consistent: true });
  return ticket;
}

async function handle({ blobs, runner, tickets }: Scene, ticket: HeldTicket | null): Promise<void> {
  if (ticket === null) return;
  const { tenantId, jobId, pool } = ticket;
  const item = { id: jobId, params: {} };
  await runner.run(
    { batchId: jobId, model: '', revision: '', items: [item] },
    { onProgress: () => undefined },
  );
  // A write is a write, whatever store takes it.
  for (const name of ['result', 'status', 'usage']) {
    await blobs.put(tenantId, `${jobId}/${name}`, new Uint8Array(1), 'text/plain');
  }
  await tickets.delete(pool, [ticket]);
}
