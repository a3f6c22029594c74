/**
 * The victim of the crash test: boots the stack in the folder given, writes without pause and prints one line per
 * acknowledged write, until it is killed.
 */
import { createAwsPorts } from '#aws/aws-ports.ts';
import { claim } from '#core/job/transitions.ts';
import { sampleJob } from '#core/samples.ts';
import { startEmulators } from './emulators.ts';

const [dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new Error('usage: emulators.crash-child.ts <data folder>');

const pool = 'crash';
const tenantId = 'tenant-crash';
const emulators = await startEmulators({ dataDir, pools: [pool] });
const { jobs, tickets, blobs, ids, clock } = createAwsPorts(emulators.config);

await Promise.all(Array.from({ length: 8 }, writeForever));

async function writeForever(): Promise<never> {
  for (;;) {
    const job = sampleJob({ tenantId, pool, jobId: ids.next('job') });
    await jobs.create(job);
    acknowledge('waiting', job.jobId);
    await tickets.send({ pool, tenantId, jobId: job.jobId });
    acknowledge('ticket', job.jobId);
    await blobs.put(tenantId, `jobs/${job.jobId}/1/0.png`, Buffer.from(job.jobId), 'image/png');
    acknowledge('blob', job.jobId);
    const { guard, patch } = claim(job, 'worker-crash', clock.nowMs());
    await jobs.apply(tenantId, job.jobId, guard, patch);
    acknowledge('leased', job.jobId);
  }
}

function acknowledge(kind: string, jobId: string): void {
  process.stdout.write(`${kind} ${jobId}\n`);
}
