/** The environment of the API function, beside where everything is. CDK must set exactly this. */
import * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';

export const apiEnvSchema = awsEnvSchema.extend({
  /** Secret that the hashes of API keys are made with; at least as long as half a hash. */
  PILOTLIGHT_KEY_PEPPER: z.string().min(32),
  /** Invoked asynchronously when a pool must wake. */
  PILOTLIGHT_SCALER_FUNCTION: z.string().min(1),
  /** Folder with one folder per model, which is shipped with the code. */
  PILOTLIGHT_MODELS_DIR: z.string().min(1),
});

/** What the construct must provide. */
export type ApiEnv = z.input<typeof apiEnvSchema>;
