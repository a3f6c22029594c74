/** What the emulated deployment becomes when it is deployed again: one more plan, and logs that are kept for less long. */
import { defineConfig } from '../../cdk/config.ts';
import { config as before } from './emulated.config.ts';

export const config = defineConfig({
  ...before,
  plans: { studio: { limits: { weight: 8, open_jobs_max: 50 } } },
  logDays: 7,
});
