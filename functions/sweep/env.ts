/** The environment of the sweep function. CDK must set exactly this. */
import * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';
import { modelsEnvSchema } from '../models-env.ts';

export const sweepEnvSchema = awsEnvSchema.extend(modelsEnvSchema.shape).extend({
  /** Invoked asynchronously when a pool must wake. */
  PILOTLIGHT_SCALER_FUNCTION: z.string().min(1),
});

/** What the construct must provide. */
export type SweepEnv = z.input<typeof sweepEnvSchema>;
