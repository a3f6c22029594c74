/**
 * Takes out of `node_modules` all that the worker and its runners do not import, themselves or through what they
 * import, and native libraries of other systems. Run while an image is built; it says what stayed.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { closureOf } from './closure.ts';

/** Programs of the image: what runs in it starts with one of these. */
export const imageEntries = [
  'gpu-container/worker/main.ts',
  'gpu-container/runner-host/main.ts',
  'gpu-container/engines/runner.ts',
] as const;

const namesSchema = z.record(z.string(), z.string()).default({});
const packageSchema = z.object({
  dependencies: namesSchema,
  optionalDependencies: namesSchema,
  peerDependencies: namesSchema,
});

/**
 * Folders below `node_modules` that packages of these names need, by their path from the root. A package that is not
 * installed is left out: npm skips optional ones that are for other systems.
 */
export function foldersOf(root: string, names: Iterable<string>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...names].map((name) => ({ name, from: '' }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const folder = installedAt(root, next.from, next.name);
    if (folder === null || found.has(folder)) continue;
    found.add(folder);
    const text = readFileSync(join(root, folder, 'package.json'), 'utf8');
    const { dependencies, optionalDependencies, peerDependencies } = packageSchema.parse(JSON.parse(text));
    const needed = { ...dependencies, ...optionalDependencies, ...peerDependencies };
    open.push(...Object.keys(needed).map((name) => ({ name, from: folder })));
  }
  return found;
}

/** As Node looks for it: beside the one that asks, then further up. */
function installedAt(root: string, from: string, name: string): string | null {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(join(root, path, 'package.json'))) return path;
    if (folder === '') return null;
  }
}

/** Removes every package that is not named, programs of packages, and native libraries for other systems. */
export function keepOnly(root: string, keep: ReadonlySet<string>): void {
  const needed = [...keep];
  for (const folder of packagesIn(root, 'node_modules')) {
    if (!needed.some((each) => each === folder || each.startsWith(`${folder}/`))) remove(root, folder);
  }
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name.startsWith('.')) remove(root, join('node_modules', name));
  }
  removeForeignLibraries(root);
}

function packagesIn(root: string, modules: string): string[] {
  if (!existsSync(join(root, modules))) return [];
  const names = readdirSync(join(root, modules)).filter((name) => !name.startsWith('.'));
  const folders = names.flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(root, modules, name)).map((each) => join(name, each)) : [name],
  );
  return folders.flatMap((folder) => {
    const path = join(modules, folder);
    return [path, ...packagesIn(root, join(path, 'node_modules'))];
  });
}

/** onnxruntime-node ships the libraries of every system in one package, 250 MB of them for others. */
function removeForeignLibraries(root: string): void {
  const bin = join('node_modules', 'onnxruntime-node', 'bin');
  if (!existsSync(join(root, bin))) return;
  const { platform, arch } = process;
  for (const api of readdirSync(join(root, bin))) {
    for (const system of readdirSync(join(root, bin, api))) {
      if (system !== platform) remove(root, join(bin, api, system));
      else
        for (const each of readdirSync(join(root, bin, api, system)))
          if (each !== arch) remove(root, join(bin, api, system, each));
    }
  }
}

function remove(root: string, path: string): void {
  rmSync(join(root, path), { recursive: true, force: true });
}

function main(): void {
  const root = process.cwd();
  const keep = foldersOf(root, closureOf(root, imageEntries).packages);
  keepOnly(root, keep);
  process.stdout.write(`${keep.size} packages stay\n`);
}

if (import.meta.main) main();
