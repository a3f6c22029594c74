/**
 * Looks whether an account and a region can take a deployment, and whether what it needs is there. It only reads, and says of
 * everything that it finds what to do. What it cannot look at does not keep it from looking at the rest.
 */
import { dirname, join, resolve } from 'node:path';
import { readManifests } from '#aws/manifest-files.ts';
import { deploymentOf } from '#cdk/deployment.ts';
import { readConfigFile } from '#cdk/read-config-file.ts';
import { checkAccount, checkBootstrap } from './account.ts';
import { adviceFor } from './advice.ts';
import { checkAmi, checkQuotas, checkZones } from './capacity.ts';
import type { Finding } from './finding.ts';
import { unknown } from './finding.ts';
import { checkImages } from './images.ts';
import type { Scene } from './scene.ts';
import { createDoctorClients } from './scene.ts';
import { checkWeights } from './weights.ts';

const steps = [
  ['account', checkAccount],
  ['bootstrap', checkBootstrap],
  ['quota', checkQuotas],
  ['ami', checkAmi],
  ['zones', checkZones],
  ['image', checkImages],
  ['weights', checkWeights],
] as const satisfies readonly (readonly [Finding['check'], (scene: Scene) => Promise<Finding[]>])[];

const root = dirname(import.meta.dirname);

export interface DiagnoseAsk {
  /** Of the deployment; from `cwd`. */
  readonly configFile: string;
  readonly cwd: string;
  readonly nowMs: () => number;
}

/** @throws StartError `invalid_config`, with every fault of the config in a line */
export async function diagnose({ configFile, cwd, nowMs }: DiagnoseAsk): Promise<Finding[]> {
  const modelsDir = join(root, 'gpu-container/models');
  const manifests = await readManifests(modelsDir);
  const config = await readConfigFile(resolve(cwd, configFile), configFile, manifests);
  const clients = createDoctorClients(config.region);
  const scene = { deployment: deploymentOf(config, manifests), modelsDir, clients, nowMs };
  try {
    const found = await Promise.all(
      steps.map(([check, look]) => look(scene).catch((error) => [cannotLook(check, error)])),
    );
    return found.flat();
  } finally {
    clients.close();
  }
}

function cannotLook(check: Finding['check'], error: unknown): Finding {
  const { found, todo } = adviceFor(error);
  return unknown({ check, subject: 'AWS', found }, todo);
}
