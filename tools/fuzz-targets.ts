/** What `npm run fuzz` can run, and when a run of it shows nothing. */
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);

export const folders = '{aws,bench,cli,core,functions,gpu-container,local,sim}';
/** The properties of the tests, which belong to no fuzz file. */
export const propertiesTarget = 'properties';

export interface FuzzTarget {
  readonly name: string;
  readonly file: string;
  readonly properties: number;
}

/** Every fuzz file, by name. */
export function fuzzTargets(): FuzzTarget[] {
  return globSync(`${folders}/**/*.fuzz.ts`, { cwd: root })
    .map((file) => ({ name: basename(file, '.fuzz.ts'), file, properties: propertiesIn(file) }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

/** How many properties the file asserts, whatever they have for a budget: one without would run for a moment alone. */
export const propertiesIn = (file: string) => occurrences(file, /\bfc\.assert\(/g);

/** How many of them `npm run fuzz` can give a time of their own. */
export const budgetsIn = (file: string) => occurrences(file, /\bbudget(?:<[^>]*>)?\(/g);

/** What a run did not show, beside properties that failed; null where each property had its time. */
export function faultOf(run: {
  readonly properties: number;
  readonly ended: number;
  readonly failed: number;
  readonly status: number | null;
}): string | null {
  const { properties, ended, failed, status } = run;
  if (properties === 0) return 'has no property: nothing was fuzzed';
  if (ended < properties)
    return `${properties - ended} of ${properties} properties took no budget or did not end`;
  if (status !== 0 && failed === 0) return 'failed outside its properties: the output above says where';
  return null;
}

function occurrences(file: string, what: RegExp): number {
  return readFileSync(join(root, file), 'utf8').match(what)?.length ?? 0;
}
