/**
 * Which operations of ports the code of an entry may call: every `port.method` in the modules of its bundle, adapters left out.
 * A module that is in the bundle for another of its functions counts too, so a role may get more than is called, never less,
 * as long as ports are called by their names; the test beside it holds that.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import type { PortOperation } from '#aws/operations.ts';
import { operations } from '#aws/operations.ts';

/** A machine with other work takes many times the few seconds that it takes to bundle every entry. */
export const bundlesMs = 180_000;

const root = dirname(dirname(import.meta.dirname));

const known = Object.keys(operations) as readonly PortOperation[];

/** Modules of rules, flows, edges and the worker in the entry's bundle. */
export async function modulesOf(entry: string): Promise<readonly string[]> {
  return (await bundledFiles(entry)).filter((path) => /^(core|functions|gpu-container)\//.test(path));
}

/** Adapters in the entry's bundle that send something and are no ports: those of `aws-ports.ts` have a table. */
export async function adaptersOf(entry: string): Promise<readonly string[]> {
  const composition = read('aws/aws-ports.ts');
  return (await bundledFiles(entry))
    .filter((path) => path.startsWith('aws/') && /new \w+Command\(/.test(read(path)))
    .filter((path) => !isPort(path, composition));
}

/** Made by the composition of the ports, or by a part of one that is. */
function isPort(path: string, composition: string): boolean {
  const name = path.replace('aws/', './');
  const parts = [
    './directory.ts',
    './items.ts',
    './forbidden-jobs.ts',
    './s3-multipart.ts',
    './s3-upload-link.ts',
    './tenant-bucket.ts',
    './tenant-sessions.ts',
  ];
  return parts.includes(name) || composition.includes(`'${name}'`);
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

const bundles = new Map<string, Promise<readonly string[]>>();

/** Our own files that leave anything in the bundle; bundled once a process. */
function bundledFiles(entry: string): Promise<readonly string[]> {
  const before = bundles.get(entry) ?? filesOf(entry);
  bundles.set(entry, before);
  return before;
}

async function filesOf(entry: string): Promise<readonly string[]> {
  const { metafile } = await build({
    entryPoints: [join(root, entry)],
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    logLevel: 'silent',
  });
  const [output] = Object.values(metafile.outputs);
  return Object.entries(output?.inputs ?? {})
    .filter(([path, { bytesInOutput }]) => bytesInOutput > 0 && !path.includes('node_modules'))
    .map(([path]) => path)
    .toSorted();
}

export async function usedOperations(entry: string): Promise<readonly PortOperation[]> {
  const texts = (await modulesOf(entry)).map(read);
  return known.filter((operation) => texts.some((text) => calls(text, operation)));
}

/** `ports.jobs.get(`, `jobs.get(`, `deps.jobs\n.get(`. */
export function calls(text: string, operation: PortOperation): boolean {
  const [port, method] = operation.split('.');
  return new RegExp(`\\b${port}\\s*\\??\\.\\s*${method}\\b`).test(text);
}
