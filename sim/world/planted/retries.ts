/** Planted bugs of retries and purges: see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

export const retryMutants: readonly Mutant[] = [
  {
    name: 'two-retries-of-one-job',
    mistake: 'each time that a retry is asked for makes a job of its own',
    file: 'core/flows/retry.ts',
    find: `idempotencyKey: \`retry\\0\${job.jobId}\`,`,
    replace: `idempotencyKey: null,`,
  },
  {
    name: 'retry-of-what-went-well',
    mistake: 'a job is retried that has its result, or was canceled as somebody asked',
    file: 'core/flows/retry.ts',
    find: `return job.status === 'failed' ||`,
    replace: `return job.status !== 'failed' ||`,
  },
  {
    name: 'retry-in-another-class',
    mistake: 'a retry waits in the line that its tenant mostly waits in, and not in that of its job',
    file: 'core/flows/retry.ts',
    find: `class: job.class,`,
    replace: `class: null,`,
  },
  {
    name: 'purge-of-every-line',
    mistake: 'a purge cancels what waits of every model',
    file: 'core/flows/purge-line.ts',
    find: `status: 'queued', model }`,
    replace: `status: 'queued' }`,
  },
  {
    name: 'purge-of-the-newest-alone',
    mistake: 'a purge cancels the first job that it finds',
    file: 'core/flows/purge-line.ts',
    find: `page.items.map(`,
    replace: `page.items.slice(0, 1).map(`,
  },
];
