/** What of the repository reaches a build: every file that `.dockerignore` lets through. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether a path is left out. A path is matched itself and by every folder above it; the last pattern that fits counts. */
export type Ignored = (path: string) => boolean;

/** Reads patterns as Docker does: `*` within a name, `**` across folders, `!` takes back. */
export function readIgnore(text: string): Ignored {
  const patterns = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({
      isBack: line.startsWith('!'),
      form: formOf(line.replace(/^!/, '').replace(/^\/|\/$/g, '')),
    }));
  return (path) => {
    const parts = path.split('/');
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    const fitting = patterns.findLast(({ form }) => paths.some((each) => form.test(each)));
    return fitting !== undefined && !fitting.isBack;
  };
}

function formOf(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  const source = escaped.replaceAll(
    /\*\*\/|\*\*|\*|\?/g,
    (wild) => ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' })[wild] ?? wild,
  );
  return new RegExp(`^${source}$`);
}

/** Files below the root, or below one of its paths, that are not left out. */
export function filesOf(root: string, isIgnored: Ignored, below = ''): string[] {
  return readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name);
    if (entry.name === '.git' || entry.name === 'node_modules') return [];
    if (entry.isDirectory()) return filesOf(root, isIgnored, path);
    return isIgnored(path) ? [] : [path];
  });
}

export function readContext(root: string): string[] {
  return filesOf(root, readIgnore(readFileSync(join(root, '.dockerignore'), 'utf8')));
}
