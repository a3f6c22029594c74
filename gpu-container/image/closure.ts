/**
 * Everything that a program imports, followed through the files of the repository: by relative path, by the `imports` of
 * package.json, and as the file of a thread (`new URL('./thread.ts', import.meta.url)`). Types are left out: they are
 * gone before anything runs.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as z from 'zod';

export interface Closure {
  /** Paths below the root, the entries among them. */
  readonly files: ReadonlySet<string>;
  /** Names of packages. */
  readonly packages: ReadonlySet<string>;
}

const projectSchema = z.object({ imports: z.record(z.string().endsWith('/*'), z.string().endsWith('/*')) });

/** Throws when a file that is imported is not there. */
export function closureOf(root: string, entries: readonly string[]): Closure {
  const { imports } = projectSchema.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  const files = new Set<string>();
  const packages = new Set<string>();
  const open = [...entries];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    if (!file.endsWith('.ts')) continue;
    for (const target of targetsOf(readFileSync(join(root, file), 'utf8'))) {
      const path = pathOf(root, file, target, imports);
      if (path !== null) open.push(path);
      else if (!target.startsWith('node:')) packages.add(packageOf(target));
    }
  }
  return { files, packages };
}

/** What the text of a module imports, as it is written there. */
export function targetsOf(source: string): string[] {
  const pattern =
    /^(?:import|export)\b(?!\s+type\b)[^'"`;]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|\bnew URL\(\s*'(\.[^']+\.ts)',\s*import\.meta\.url/gm;
  return [...source.matchAll(pattern)].flatMap((match) =>
    match.slice(1).filter((each) => each !== undefined),
  );
}

/** Null for what is no file of the repository. */
function pathOf(
  root: string,
  from: string,
  target: string,
  imports: Readonly<Record<string, string>>,
): string | null {
  if (target.startsWith('.')) return relative(root, join(root, dirname(from), target));
  for (const [alias, folder] of Object.entries(imports)) {
    const start = alias.slice(0, -1);
    if (target.startsWith(start)) return join(folder.slice(0, -1), target.slice(start.length));
  }
  return null;
}

function packageOf(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}
