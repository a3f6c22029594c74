/** Environment of a worker process. */
import * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';

export const workerEnvSchema = awsEnvSchema.extend({
  PILOTLIGHT_POOL: z.string().min(1),
  /** Absolute path of the folder with one folder per model. */
  PILOTLIGHT_MODELS_DIR: z.string().startsWith('/'),
});
