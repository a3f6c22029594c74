/**
 * The environment variables that say where everything is, shared by every process that builds AWS adapters: functions,
 * workers, and the workers of the local stack. Region and credentials are the SDK's own variables.
 */
import * as z from 'zod';
import { StartError } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';
import type { AwsConfig } from './clients.ts';

export const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.issues.push({ code: 'custom', message: 'must be JSON', input: text });
    return z.NEVER;
  }
});

export const awsEnvSchema = z.object({
  AWS_REGION: z.string().min(1),
  /** Name of the deployment: two of one account have metrics of their own. */
  PILOTLIGHT_DEPLOYMENT: z.string().min(1).default('pilotlight'),
  PILOTLIGHT_TABLE: z.string().min(1),
  PILOTLIGHT_LEDGER_TABLE: z.string().min(1),
  PILOTLIGHT_BUCKET: z.string().min(1),
  /** Key of encrypted volumes: id, ARN or `alias/name`; absent: the account's own key for S3. */
  PILOTLIGHT_KMS_KEY: z.string().min(1).optional(),
  /** ARN of the role whose sessions see the files of one tenant; absent: the process's own role does. */
  PILOTLIGHT_TENANT_ROLE: z.string().min(1).optional(),
  /** JSON object: queue URL by pool. */
  PILOTLIGHT_QUEUE_URLS: json.pipe(z.record(z.string(), z.url())),
  /** JSON object `{dynamodb, sqs, s3}`: only for a stack that is not AWS. */
  PILOTLIGHT_ENDPOINTS: json.pipe(z.object({ dynamodb: z.url(), sqs: z.url(), s3: z.url() })).optional(),
});

export type AwsEnv = z.input<typeof awsEnvSchema>;

export function awsConfigOf(env: z.infer<typeof awsEnvSchema>): AwsConfig {
  return {
    region: env.AWS_REGION,
    table: env.PILOTLIGHT_TABLE,
    ledgerTable: env.PILOTLIGHT_LEDGER_TABLE,
    bucket: env.PILOTLIGHT_BUCKET,
    ...(env.PILOTLIGHT_KMS_KEY === undefined ? {} : { kmsKey: env.PILOTLIGHT_KMS_KEY }),
    ...(env.PILOTLIGHT_TENANT_ROLE === undefined ? {} : { tenantRole: env.PILOTLIGHT_TENANT_ROLE }),
    queueUrls: env.PILOTLIGHT_QUEUE_URLS,
    ...(env.PILOTLIGHT_ENDPOINTS === undefined ? {} : { endpoints: env.PILOTLIGHT_ENDPOINTS }),
  };
}

/** The variables that make {@link awsConfigOf} give this config again; credentials travel as the SDK's own. */
export function awsEnvOf(config: AwsConfig): Record<string, string> {
  return {
    AWS_REGION: config.region,
    PILOTLIGHT_TABLE: config.table,
    PILOTLIGHT_LEDGER_TABLE: config.ledgerTable,
    PILOTLIGHT_BUCKET: config.bucket,
    ...(config.kmsKey === undefined ? {} : { PILOTLIGHT_KMS_KEY: config.kmsKey }),
    ...(config.tenantRole === undefined ? {} : { PILOTLIGHT_TENANT_ROLE: config.tenantRole }),
    PILOTLIGHT_QUEUE_URLS: JSON.stringify(config.queueUrls),
    ...(config.endpoints === undefined ? {} : { PILOTLIGHT_ENDPOINTS: JSON.stringify(config.endpoints) }),
    ...(config.credentials === undefined
      ? {}
      : {
          AWS_ACCESS_KEY_ID: config.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: config.credentials.secretAccessKey,
        }),
  };
}

/**
 * Parses a process's environment by its schema.
 * @throws StartError `invalid_environment`, naming every variable at fault and no value
 */
export function parseEnv<T extends z.ZodType>(schema: T, env: NodeJS.ProcessEnv): z.infer<T> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const faults = faultsOf(parsed.error).map(({ path, message }) => `${path}: ${message}`);
  throw new StartError('invalid_environment', faults.join('; '));
}
