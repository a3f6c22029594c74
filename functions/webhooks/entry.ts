/** The Lambda entry that delivers webhooks. */
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { parseEnv } from '#aws/env.ts';
import { withSecrets } from '#aws/ssm-secrets.ts';
import { measuredOutbound } from '#core/observability/measured.ts';
import { createPublicOutbound } from '../egress/public-outbound.ts';
import { webhooksEnvSchema } from './env.ts';
import { createWebhooksHandler } from './handler.ts';

const env = parseEnv(webhooksEnvSchema, await withSecrets(process.env));
const ports = createPortsOfProcess(env);
const outbound = measuredOutbound(createPublicOutbound(), ports.metrics);
const webhookKey = env.PILOTLIGHT_WEBHOOK_KEY;

export const handler = createWebhooksHandler({ ...ports, outbound, webhookKey, chance: Math.random });
