/** Environment of a worker process. */
import * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';
import { hostFields, runnerFields } from '../runner-host/env.ts';

const absoluteSchema = z.string().startsWith('/', 'must be an absolute path');

/** What a machine must know to load models, whether or not it serves. */
const modelFields = {
  PILOTLIGHT_POOL: z.string().min(1),
  ...runnerFields,
  /** Memory of the worker's card, in units of 10^6 bytes. Absent: no bound is known, and batches are not held to one. */
  PILOTLIGHT_GPU_MEMORY_MB: z.coerce.number().int().positive().optional(),
  /** Written once the machine is ready. Absent: none. */
  PILOTLIGHT_READY_FILE: absoluteSchema.optional(),
  /** Socket of the runner host that starts runners, in another container. Absent: they are children of this process. */
  PILOTLIGHT_RUNNER_HOST: hostFields.PILOTLIGHT_RUNNER_HOST.optional(),
  /** The scratch root of that host. */
  PILOTLIGHT_RUNNER_SCRATCH: hostFields.PILOTLIGHT_RUNNER_SCRATCH.optional(),
};

export const workerEnvSchema = awsEnvSchema.extend({
  ...modelFields,
  /**
   * What is done before the worker takes work: `shapes` brings weights, loads and runs each size once; `load` begins to
   * load and takes work meanwhile; `none` waits for the first job.
   */
  PILOTLIGHT_PREWARM: z.enum(['none', 'load', 'shapes']).default('load'),
  /** `HOST:PORT` of `GET /metrics` for a Prometheus. Absent: none. */
  PILOTLIGHT_METRICS_LISTEN: z
    .string()
    .regex(/^(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'must be HOST:PORT')
    .optional(),
  /**
   * Where spans of attempts go whose traces are recorded: `xray` sends them there, `log` writes each as a line, `none` tells
   * of none.
   */
  PILOTLIGHT_SPANS: z.enum(['none', 'log', 'xray']).default('none'),
  /** Set by ECS in every container: its agent, which a worker with work asks not to be stopped. */
  ECS_AGENT_URI: z.url().optional(),
});

/** Of a machine that is made ready and serves nothing: it needs no table and no queue, and S3 only for weights. */
export const prewarmEnvSchema = z
  .object({
    ...modelFields,
    ...awsEnvSchema.pick({ PILOTLIGHT_ENDPOINTS: true }).shape,
    ...awsEnvSchema.pick({ AWS_REGION: true, PILOTLIGHT_BUCKET: true }).partial().shape,
  })
  .superRefine((env, context) => {
    if (env.PILOTLIGHT_WEIGHTS_DIR === undefined) return;
    for (const name of ['AWS_REGION', 'PILOTLIGHT_BUCKET'] as const) {
      if (env[name] !== undefined) continue;
      context.addIssue({ code: 'custom', path: [name], message: 'must be set to bring weights' });
    }
  });

export type PrewarmEnv = z.infer<typeof prewarmEnvSchema>;

export type WorkerEnv = z.infer<typeof workerEnvSchema>;

/** What whoever starts a worker sets. */
export type WorkerVariables = z.input<typeof workerEnvSchema>;
