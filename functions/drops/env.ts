/** The environment of the function that takes dropped files. CDK must set exactly this. */
import type * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';

export const dropsEnvSchema = awsEnvSchema;

/** What the construct must provide. */
export type DropsEnv = z.input<typeof dropsEnvSchema>;
