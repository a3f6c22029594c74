/** The environment of the function that delivers webhooks. CDK must set exactly this. */
import * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';

export const webhooksEnvSchema = awsEnvSchema.extend({
  /** Secret that the secrets of webhooks are derived from: the API's own. */
  PILOTLIGHT_WEBHOOK_KEY: z.string().min(32),
});

/** What the construct must provide. */
export type WebhooksEnv = z.input<typeof webhooksEnvSchema>;
