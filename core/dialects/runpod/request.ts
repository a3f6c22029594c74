/** Jobs as RunPod's clients ask for them: the request as a submission. The endpoint of the path is the model. */
import * as z from 'zod';
import { addressSchema } from '../../api/webhook-resource.ts';
import { jobLimits } from '../../limits.ts';
import type { Manifest } from '../../models/manifest.ts';
import { endEvents } from '../../webhook/event.ts';
import type { DialectSubmission } from '../submission.ts';

/** The original's own bounds of both times, in milliseconds. */
const [executionMsMin, ttlMsMin] = [5_000, 10_000];

const policySchema = z.strictObject({
  executionTimeout: z.int().min(executionMsMin).max(jobLimits.runMsMax).optional().meta({
    description:
      'Milliseconds that the job may run; then it is stopped and is TIMED_OUT, at the price of what it took',
  }),
  ttl: z
    .int()
    .min(ttlMsMin)
    .max(jobLimits.startWithinMsMax)
    .optional()
    .meta({ description: 'Milliseconds within which the job must start; else it is TIMED_OUT' }),
  lowPriority: z.boolean().optional().meta({ description: 'Run it in the class batch' }),
});

export const runpodRequestSchema = z
  .strictObject({
    input: z.record(z.string(), z.json()).meta({ description: "Checked against the model's input schema" }),
    webhook: addressSchema.optional().meta({
      description: 'Sent the answer of `/status` once the job has ended: https, at a public address',
    }),
    policy: policySchema.optional(),
  })
  .meta({ id: 'RunpodRequest' });

export type RunpodRequest = z.infer<typeof runpodRequestSchema>;

export interface RunpodAsk {
  readonly request: RunpodRequest;
  /** A model id or an alias. */
  readonly endpoint: string;
  /** Of the model, where it is known; an alias is left to what it stands for. */
  readonly task: Manifest['task'] | null;
}

export function toSubmission({ request, endpoint, task }: RunpodAsk): DialectSubmission {
  const { input, webhook, policy = {} } = request;
  return {
    kind: 'submission',
    model: endpoint,
    quality: null,
    input,
    metadata: {},
    // Whatever writes may be read at `/stream`, which the request does not say beforehand.
    stream: task === null || task === 'chat',
    includeUsage: false,
    class: policy.lowPriority === true ? 'batch' : null,
    webhook:
      webhook === undefined ? null : { url: webhook, events: [...endEvents], form: { dialect: 'runpod' } },
    ...(policy.ttl === undefined ? {} : { deadlineSeconds: Math.ceil(policy.ttl / 1000) }),
    runMsMax: policy.executionTimeout ?? null,
    paramOf: (path) => {
      if (path === 'webhook.url') return 'webhook';
      return path === 'model' ? 'endpoint' : path;
    },
  };
}
