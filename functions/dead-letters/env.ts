/** The environment of the function that answers dead letters. CDK must set exactly this. */
import type * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';

export const deadLettersEnvSchema = awsEnvSchema;

/** What the construct must provide. */
export type DeadLettersEnv = z.input<typeof deadLettersEnvSchema>;
