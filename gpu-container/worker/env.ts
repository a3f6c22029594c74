/** Environment of a worker process. */
import * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';

export const workerEnvSchema = awsEnvSchema.extend({
  PILOTLIGHT_POOL: z.string().min(1),
  /** Absolute path of the folder with one folder per model. */
  PILOTLIGHT_MODELS_DIR: z.string().startsWith('/'),
  /** Memory of the worker's card, in units of 10^6 bytes. Absent: no bound is known, and batches are not held to one. */
  PILOTLIGHT_GPU_MEMORY_MB: z.coerce.number().int().positive().optional(),
});
