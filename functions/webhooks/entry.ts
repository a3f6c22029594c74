/** The Lambda entry that delivers webhooks: the only function that talks to addresses of tenants' choice. */
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { parseEnv } from '#aws/env.ts';
import { withSecrets } from '#aws/ssm-secrets.ts';
import { publicHttps } from '#core/egress/policy.ts';
import { measuredOutbound } from '#core/observability/measured.ts';
import { createGuardedOutbound } from '../egress/guarded-outbound.ts';
import { resolveAsMachine } from '../egress/resolve-host.ts';
import { webhooksEnvSchema } from './env.ts';
import { createWebhooksHandler } from './handler.ts';

const env = parseEnv(webhooksEnvSchema, await withSecrets(process.env));
const ports = createPortsOfProcess(env);
const guarded = createGuardedOutbound({ policy: publicHttps, resolveHost: resolveAsMachine });
const outbound = measuredOutbound(guarded, ports.metrics);
const webhookKey = env.PILOTLIGHT_WEBHOOK_KEY;

export const handler = createWebhooksHandler({ ...ports, outbound, webhookKey, chance: Math.random });
