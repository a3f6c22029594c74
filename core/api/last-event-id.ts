import * as z from 'zod';

/** Headers of a stream that goes on where its reader left it. */
export const lastEventIdHeaders = z.object({
  'last-event-id': z
    .string()
    .optional()
    .meta({ description: 'The id of the last event seen: goes on from there' }),
});
