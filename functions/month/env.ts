/** The environment of the function that closes months. CDK must set exactly this. */
import type * as z from 'zod';
import { costEnvSchema } from '#aws/cost-env.ts';
import { awsEnvSchema } from '#aws/env.ts';
import { modelsEnvSchema } from '../models-env.ts';

export const monthEnvSchema = awsEnvSchema.extend(costEnvSchema.shape).extend(modelsEnvSchema.shape);

/** What the construct must provide. */
export type MonthEnv = z.input<typeof monthEnvSchema>;
