/** The environment of the function that asks addresses: none, so there is nothing in it to be led away. */
import * as z from 'zod';

export const egressEnvSchema = z.object({});

/** What the construct must provide. */
export type EgressEnv = z.input<typeof egressEnvSchema>;
