/** The header that makes a submission safe to repeat, as every route that has one takes it. */
import * as z from 'zod';
import { apiLimits } from '../limits.ts';

/** @param first what a repeated request is given again, such as `the first job` */
export function idempotencyKeySchema(first: string) {
  return z
    .string()
    .min(1)
    .max(apiLimits.idempotencyKeyCharactersMax)
    .optional()
    .meta({ description: `Repeating a request with the same key and body gives ${first} again` });
}
