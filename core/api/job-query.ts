/** What a list of jobs may be asked for, by a tenant and by the operator. */
import * as z from 'zod';
import { jobClasses, jobStatuses } from '../job/job.ts';
import { apiLimits } from '../limits.ts';
import { cursorSchema } from './cursor.ts';

/** Query values are text: only plain digits make a number, so that `1e1`, `0x1` and an empty value are refused. */
export function wholeNumber(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max));
}

/** Begins the name of a query parameter that filters by metadata: `metadata.order=17`. */
export const metadataQueryPrefix = 'metadata.';

const listQueryFields = {
  limit: wholeNumber(1, apiLimits.pageMax).default(apiLimits.pageDefault),
  cursor: cursorSchema,
  status: z.enum(jobStatuses).optional(),
  model: z.string().max(128).optional(),
  class: z.enum(jobClasses).optional(),
  flag: z.string().max(64).optional().meta({ description: 'Jobs that carry this flag, such as jailbreak' }),
  created_after: z.iso.datetime().optional(),
};

/** `metadata.k=v` pairs are let through for the handler to gather; every other unknown name is refused. */
export const jobListQuerySchema = z
  .object(listQueryFields)
  .catchall(z.string().max(apiLimits.metadataValueCharactersMax))
  .check(({ value, issues }) => {
    const known = new Set(Object.keys(listQueryFields));
    const keys = Object.keys(value).filter(
      (name) => !known.has(name) && !name.startsWith(metadataQueryPrefix),
    );
    if (keys.length > 0) issues.push({ code: 'unrecognized_keys', keys, input: value });
  });
