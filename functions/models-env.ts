/** The variable of every function that knows models. */
import * as z from 'zod';

export const modelsEnvSchema = z.object({
  /** Folder with one folder per model, which is shipped with the code. */
  PILOTLIGHT_MODELS_DIR: z.string().min(1),
});
