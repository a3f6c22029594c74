/** Where a list goes on. */
import * as z from 'zod';

/** Only what a URL carries almost as it is: a cursor of this length must fit the 16 KiB that headers and URL may have. */
export const cursorSchema = z
  .string()
  .regex(/^[!-~]{1,2048}$/, 'must be `next_cursor` of the page before')
  .optional()
  .meta({ description: '`next_cursor` of the page before' });
