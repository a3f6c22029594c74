/** What every check is given: the deployment as the config says it, AWS, and what time it is here. */
import { EC2Client } from '@aws-sdk/client-ec2';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient } from '@aws-sdk/client-ecs';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import type { Deployment } from '#cdk/deployment.ts';

export interface Scene {
  readonly deployment: Deployment;
  /** Of this checkout; absolute. */
  readonly modelsDir: string;
  readonly clients: DoctorClients;
  readonly nowMs: () => number;
}

export type DoctorClients = ReturnType<typeof createDoctorClients>;

const limits = { connectMs: 3_000, requestMs: 10_000, attemptsMax: 3 };

/** How long and how often any client asks. */
export const clientLimits = {
  maxAttempts: limits.attemptsMax,
  requestHandler: {
    connectionTimeout: limits.connectMs,
    requestTimeout: limits.requestMs,
    throwOnRequestTimeout: true,
  },
};

/** Region by the config, credentials and endpoints as the SDK finds them. */
export function createDoctorClients(region: string) {
  const common = { region, ...clientLimits };
  const clients = {
    ec2: new EC2Client(common),
    ecr: new ECRClient(common),
    ecs: new ECSClient(common),
    lambda: new LambdaClient(common),
    quotas: new ServiceQuotasClient(common),
    // A bucket has no name in an address of this machine; AWS takes both forms.
    s3: new S3Client({ ...common, forcePathStyle: true }),
    ssm: new SSMClient(common),
    sts: new STSClient(common),
  };
  return {
    ...clients,
    close() {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}
