/** The environment of the function that works at batches. CDK must set exactly this. */
import * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';
import { modelsEnvSchema } from '../models-env.ts';

export const batchesEnvSchema = awsEnvSchema.extend(modelsEnvSchema.shape).extend({
  /** Invoked asynchronously when a line wakes its pool. */
  PILOTLIGHT_SCALER_FUNCTION: z.string().min(1),
  /** Invoked for pictures that lines name by address. */
  PILOTLIGHT_EGRESS_FUNCTION: z.string().min(1),
});

/** What the construct must provide. */
export type BatchesEnv = z.input<typeof batchesEnvSchema>;
