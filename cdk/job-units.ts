/**
 * What one job asks AWS for, by the way that it goes: the counts of `docs/benchmarks/units.json`, which
 * `npm run bench -- units --json docs/benchmarks/units.json` writes; a test holds them equal.
 */
import type { JobCounts } from './job-cost.ts';

export interface JobUnits {
  readonly what: string;
  /** The mean over the jobs counted. */
  readonly counts: JobCounts;
}

export const jobUnits: readonly JobUnits[] = [
  {
    what: 'a job by itself',
    counts: {
      'api requests': 3,
      'dynamodb writes': 8,
      'dynamodb write units': 11,
      'dynamodb index write units': 5,
      'dynamodb reads': 13.94,
      'dynamodb read units': 8.71,
      'sqs requests': 3,
      's3 puts': 1,
      's3 gets': 1,
      'api log bytes': 1331,
      'worker log bytes': 1395,
    },
  },
  {
    what: 'jobs of eight a call',
    counts: {
      'api requests': 3,
      'dynamodb writes': 6.25,
      'dynamodb write units': 9.25,
      'dynamodb index write units': 5,
      'dynamodb reads': 10.03,
      'dynamodb read units': 6.45,
      'sqs requests': 1.25,
      's3 puts': 1,
      's3 gets': 1,
      'api log bytes': 1334,
      'worker log bytes': 1109,
    },
  },
  {
    what: 'jobs of eight a call, four looks while waiting',
    counts: {
      'api requests': 7,
      'dynamodb writes': 6.25,
      'dynamodb write units': 9.25,
      'dynamodb index write units': 5,
      'dynamodb reads': 14.06,
      'dynamodb read units': 10.44,
      'sqs requests': 1.25,
      's3 puts': 1,
      's3 gets': 1,
      'api log bytes': 2530,
      'worker log bytes': 1109,
    },
  },
];
