/** The Lambda entry that readies a deployment, invoked by CloudFormation at each. */
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { createBlobClient } from '#aws/clients.ts';
import { awsConfigOf, parseEnv } from '#aws/env.ts';
import { emptyBucket } from '#aws/s3-emptying.ts';
import { createSsmSecretStore } from '#aws/ssm-secret-store.ts';
import { setupEnvSchema } from './env.ts';
import { createSetupHandler } from './handler.ts';
import { setUp } from './set-up.ts';

const env = parseEnv(setupEnvSchema, process.env);
const ports = { ...createPortsOfProcess(env), secrets: createSsmSecretStore() };
const names = {
  keyPepper: env.PILOTLIGHT_KEY_PEPPER_PARAMETER,
  webhookKey: env.PILOTLIGHT_WEBHOOK_KEY_PARAMETER,
  operatorKey: env.PILOTLIGHT_OPERATOR_KEY_PARAMETER,
};

const config = awsConfigOf(env);

export const handler = createSetupHandler({
  log: ports.log,
  setUp: (plans) => setUp(ports, names, plans),
  async takeDown(stopping) {
    await emptyBucket(createBlobClient(config), config.bucket, stopping);
    for (const name of Object.values(names)) await ports.secrets.remove(name);
  },
});
