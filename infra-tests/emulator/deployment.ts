/** The product as an operator has it: `cdk bootstrap`, `deploy` and `destroy` with nothing between them and the emulator. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import * as z from 'zod';
import { type Emulator, emulatedAccount, emulatedCredentials, emulatedRegion } from './emulator.ts';

export interface Deployment {
  /** Of the API: paths of its routes follow. */
  readonly url: string;
  readonly operatorKey: string;
  /** Takes the files that tenants drop. */
  readonly bucket: string;
}

export interface Deployer {
  /**
   * Deploys every stack of the config, or brings it up to date.
   * @param config a file of this folder
   * @throws with what `cdk` said, where it fails
   */
  deploy(config: string): Promise<Deployment>;
  /** What was deployed last. @throws as {@link Deployer.deploy} does */
  destroy(): Promise<void>;
}

const root = dirname(dirname(import.meta.dirname));
const cdk = join(root, 'node_modules', 'aws-cdk', 'bin', 'cdk');
const saidCharacters = 4_000;

/** As CDK names what the front door puts out. */
const outputsSchema = z.object({
  'pilotlight-api': z.record(z.string(), z.string()),
  'pilotlight-data': z.looseObject({ Bucket: z.string() }),
});

/**
 * Readies the emulator for deployments, once.
 * @param folder takes templates and bundles
 */
export async function createDeployer(emulator: Emulator, folder: string): Promise<Deployer> {
  const assembly = join(folder, 'cdk.out');
  const outputs = join(folder, 'outputs.json');
  const run = (...args: string[]) => runCdk(emulator, root, [...args, '--app', assembly]);
  // Where there is no app, nothing is synthesized for it.
  await runCdk(emulator, folder, ['bootstrap', `aws://${emulatedAccount}/${emulatedRegion}`]);
  return {
    async deploy(config) {
      const file = relative(root, join(import.meta.dirname, config));
      await runCdk(emulator, root, ['synth', '--quiet', '--output', assembly, '--context', `config=${file}`]);
      const unasked = ['--require-approval', 'never', '--method', 'direct'];
      await run('deploy', '--all', ...unasked, '--outputs-file', outputs);
      return readDeployment(emulator, JSON.parse(await readFile(outputs, 'utf8')));
    },
    async destroy() {
      await run('destroy', '--all', '--force');
    },
  };
}

async function readDeployment({ endpoint }: Emulator, outputs: unknown): Promise<Deployment> {
  const { 'pilotlight-api': ofApi, 'pilotlight-data': ofData } = outputsSchema.parse(outputs);
  const api = Object.entries(ofApi);
  const address = api.find(([name]) => name.startsWith('DoorApiEndpoint'))?.[1] ?? '';
  const [, apiId, stage] = /^https:\/\/([a-z0-9]+)\..*\/([a-z]+)\/$/.exec(address) ?? [];
  const keyName = api.find(([name]) => name === 'OperatorKey')?.[1];
  const ssm = new SSMClient({ endpoint, region: emulatedRegion, credentials: emulatedCredentials });
  try {
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: keyName, WithDecryption: true }));
    return {
      url: `${endpoint}/restapis/${apiId}/${stage}/_user_request_`,
      operatorKey: z.string().parse(Parameter?.Value),
      bucket: ofData.Bucket,
    };
  } finally {
    ssm.destroy();
  }
}

async function runCdk({ env }: Emulator, cwd: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [cdk, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // `cdk.json` starts `node`, which must be the one that runs this.
    env: { ...env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter), CI: 'true' },
  });
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  await once(child, 'close');
  if (child.exitCode === 0) return;
  throw new Error(`cdk ${args[0]}: ${(await said).join('\n').slice(-saidCharacters)}`);
}
