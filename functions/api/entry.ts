/**
 * The API's Lambda entries: everything here runs once per cold start, a handler once per request. `streaming` is the one
 * for integrations of the transfer mode `STREAM`; `handler` answers in one piece, so routes that stream cannot be
 * reached by it in time.
 */
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { costSettingsOf } from '#aws/cost-env.ts';
import { parseEnv } from '#aws/env.ts';
import { outboundOnDemand, scalerOnDemand } from '#aws/lambda-on-demand.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import { withSecrets } from '#aws/ssm-secrets.ts';
import { publicHttps } from '#core/egress/policy.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { apiEnvSchema, oidcOptionsOf } from './env.ts';
import { createApiHandler } from './handler.ts';
import { streamingEntry } from './lambda-runtime.ts';
import { paceRefusals } from './refusal-pace.ts';

const env = parseEnv(apiEnvSchema, await withSecrets(process.env));
const catalog = await readCatalog(env.PILOTLIGHT_MODELS_DIR);
const scaler = scalerOnDemand({
  region: env.AWS_REGION,
  functionName: env.PILOTLIGHT_SCALER_FUNCTION,
});

const ports = createPortsOfProcess(env);
const oidc = oidcOptionsOf(env);
// What verifies signatures is loaded where there are tokens.
const tokens = oidc && (await import('./oidc.ts')).createTokenReader({ ...oidc, clock: ports.clock });

const answer = createApiHandler({
  ...ports,
  outbound: outboundOnDemand({
    region: env.AWS_REGION,
    functionName: env.PILOTLIGHT_EGRESS_FUNCTION,
  }),
  catalog,
  costs: costSettingsOf(env, catalog),
  scaler,
  keyPepper: env.PILOTLIGHT_KEY_PEPPER,
  webhookKey: env.PILOTLIGHT_WEBHOOK_KEY,
  webhookAddresses: publicHttps,
  version: packageJson.version,
  ...(tokens === null ? {} : { tokens }),
});

export const handler = paceRefusals(answer, ports.clock);

export const streaming = streamingEntry(handler);
