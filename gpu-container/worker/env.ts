/** Environment of a worker process. */
import * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';

export const workerEnvSchema = awsEnvSchema.extend({
  PILOTLIGHT_POOL: z.string().min(1),
  /** Absolute path of the folder with one folder per model. */
  PILOTLIGHT_MODELS_DIR: z.string().startsWith('/'),
  /** Memory of the worker's card, in units of 10^6 bytes. Absent: no bound is known, and batches are not held to one. */
  PILOTLIGHT_GPU_MEMORY_MB: z.coerce.number().int().positive().optional(),
  /** A Python with the packages of `runtime/requirements.txt`, for models whose engine is `python`. */
  PILOTLIGHT_PYTHON: z.string().startsWith('/').optional(),
  /** Where such models run, as torch names it. */
  PILOTLIGHT_DEVICE: z
    .string()
    .regex(/^(cpu|cuda(:\d+)?)$/, 'must be cpu, cuda or cuda:N')
    .default('cpu'),
});
