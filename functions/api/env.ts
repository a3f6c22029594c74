/** The environment of the API function, beside where everything is. CDK must set exactly this. */
import * as z from 'zod';
import { costEnvSchema } from '#aws/cost-env.ts';
import { awsEnvSchema } from '#aws/env.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';
import type { OidcOptions } from './oidc.ts';

/** Never admin: an issuer of tenants' tokens must not make operators. */
const scopeSchema = z.enum(tenantScopes);

/** All of them optional: without an issuer, keys are the only way in. */
export const oidcEnvSchema = z.object({
  /** `iss` of the tokens that are let in. */
  PILOTLIGHT_OIDC_ISSUER: z.url().optional(),
  /** `aud` of those that are meant for this platform. */
  PILOTLIGHT_OIDC_AUDIENCE: z.string().min(1).default('pilotlight'),
  /** Where the issuer's keys are; else `.well-known/jwks.json` below the issuer. */
  PILOTLIGHT_OIDC_JWKS_URL: z.url().optional(),
  /** The claim that names the tenant. */
  PILOTLIGHT_OIDC_TENANT_CLAIM: z.string().min(1).default('tenant'),
  /** Scopes of every token, with spaces between them, beside those in its own `scope` claim. */
  PILOTLIGHT_OIDC_SCOPES: z
    .string()
    .default('')
    .transform((text) => text.split(' ').filter((scope) => scope !== ''))
    .pipe(z.array(scopeSchema)),
});

export type OidcEnv = z.input<typeof oidcEnvSchema>;

/** Null when no issuer is configured. */
export function oidcOptionsOf(env: z.output<typeof oidcEnvSchema>): Omit<OidcOptions, 'clock'> | null {
  const issuer = env.PILOTLIGHT_OIDC_ISSUER;
  if (issuer === undefined) return null;
  return {
    issuer,
    audience: env.PILOTLIGHT_OIDC_AUDIENCE,
    jwksUrl: env.PILOTLIGHT_OIDC_JWKS_URL ?? `${issuer.replace(/\/+$/, '')}/.well-known/jwks.json`,
    tenantClaim: env.PILOTLIGHT_OIDC_TENANT_CLAIM,
    scopes: env.PILOTLIGHT_OIDC_SCOPES,
  };
}

export const apiEnvSchema = awsEnvSchema
  .extend(oidcEnvSchema.shape)
  .extend(costEnvSchema.shape)
  .extend({
    /** Secret that the hashes of API keys are made with; at least as long as half a hash. */
    PILOTLIGHT_KEY_PEPPER: z.string().min(32),
    /** Secret that the secrets of webhooks are derived from: with another one, every receiver needs a new secret. */
    PILOTLIGHT_WEBHOOK_KEY: z.string().min(32),
    /** Invoked asynchronously when a pool must wake. */
    PILOTLIGHT_SCALER_FUNCTION: z.string().min(1),
    /** Invoked for pictures that requests name by address. */
    PILOTLIGHT_EGRESS_FUNCTION: z.string().min(1),
    /** Folder with one folder per model, which is shipped with the code. */
    PILOTLIGHT_MODELS_DIR: z.string().min(1),
  });

/** What the construct must provide. */
export type ApiEnv = z.input<typeof apiEnvSchema>;
