/** Environment of a runner host. */
import * as z from 'zod';

const absoluteSchema = z.string().startsWith('/', 'must be an absolute path');

/** What the program that starts runners must know, be it a worker or a runner host. */
export const runnerFields = {
  /** Absolute path of the folder with one folder per model. */
  PILOTLIGHT_MODELS_DIR: absoluteSchema,
  /** Folder on a disk that weights are brought to from the bucket. Absent: they lie beside the manifests. */
  PILOTLIGHT_WEIGHTS_DIR: absoluteSchema.optional(),
  /** A Python with the packages of `runtime/requirements.txt`, for models whose engine is `python`. */
  PILOTLIGHT_PYTHON: absoluteSchema.optional(),
  /** Where such models run, as torch names it. */
  PILOTLIGHT_DEVICE: z
    .string()
    .regex(/^(cpu|cuda(:\d+)?)$/, 'must be cpu, cuda or cuda:N')
    .default('cpu'),
};

/** Where a worker and its runner host meet. */
export const hostFields = {
  /** Absolute path of the host's socket. */
  PILOTLIGHT_RUNNER_HOST: absoluteSchema,
  /** Parent of the scratch folders of the host's runners: at the same path for both, and short. */
  PILOTLIGHT_RUNNER_SCRATCH: absoluteSchema,
};

export const runnerHostEnvSchema = z.object({ ...runnerFields, ...hostFields });

/** What whoever starts a runner host sets. */
export type RunnerHostVariables = z.input<typeof runnerHostEnvSchema>;
