/**
 * Reads the tables of docs/assurance: what a row says shows it, and whether that is there. A proof is a test, as
 * `` `path/to/file.test.ts`: "a title", "another" ``, or a command, as `` `npm run bench -- kills` ``.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';

const root = dirname(import.meta.dirname);

export interface Row {
  /** `file:line` */
  readonly at: string;
  /** By the name of the column. */
  readonly cells: Readonly<Record<string, string>>;
}

type Proof =
  | { readonly kind: 'tests'; readonly file: string; readonly titles: readonly string[] }
  | { readonly kind: 'command'; readonly command: string };

/** Rows of every table of a document that has a column "shown by". */
export function rowsOf(file: string): Row[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  let columns: string[] = [];
  return lines.flatMap((line, index) => {
    if (!line.startsWith('|')) {
      columns = [];
      return [];
    }
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (columns.length === 0) {
      columns = cells;
      return [];
    }
    if (!columns.includes('shown by') || cells.every((cell) => /^-+$/.test(cell))) return [];
    return [
      {
        at: `${file}:${index + 1}`,
        cells: Object.fromEntries(columns.map((name, at) => [name, cells[at] ?? ''])),
      },
    ];
  });
}

/** What is wrong with what a row says shows it; nothing where all of it is there. */
export function faultsOfRow({ at, cells }: Row): string[] {
  const text = cells['shown by'] ?? '';
  const proofs = proofsIn(text);
  const excuse = /\b(not (shown|applicable)|cannot be verified here): \S.{2,}/.test(text);
  const faults = [...proofs.flatMap(faultsOfProof), ...excusesGoneWrong(text)];
  faults.push(...Object.values(cells).flatMap(staleWordsIn));
  if (proofs.length === 0 && !excuse) faults.push('says neither what shows it nor why nothing does');
  const named = Object.values(cells).flatMap((cell) => [...cell.matchAll(/`([\w./-]+\/[\w.-]+\.\w+)`/g)]);
  faults.push(
    ...named.flatMap(([, file = '']) => (existsSync(join(root, file)) ? [] : [`there is no ${file}`])),
  );
  return faults.map((fault) => `${at}: ${fault}`);
}

/** What the machines of the tests lack. */
const elsewhere = /\b(an account|a card|Docker)\b/;

/** An excuse says in its own words whether something is missing here or from this repository, so that neither hides the other. */
function excusesGoneWrong(text: string): string[] {
  const excuses = unquoted(text).matchAll(/(not shown|cannot be verified here): ([^;|]*)/g);
  return [...excuses].flatMap(([, word = '', reason = '']) => {
    const isElsewhere = elsewhere.test(reason);
    if (word === 'not shown' && isElsewhere) return [`"${reason}" is for "cannot be verified here"`];
    if (word !== 'not shown' && !isElsewhere) return [`"${reason}" does not say what is missing here`];
    return [];
  });
}

/** Words by which an excuse goes stale: what they speak of comes one day, and nobody takes them out. */
export function staleWordsIn(text: string): string[] {
  const words = /\b(yet|today|so far|for now|not shown yet|the CDK app|currently|will be|soon)\b/gi;
  return [...unquoted(text).matchAll(words)].map(([word]) => `says "${word}", which goes stale unnoticed`);
}

/** Without titles of tests and code, which are not ours to word here. */
function unquoted(text: string): string {
  return text.replaceAll(/`[^`]*`|"[^"\n]*"/g, '');
}

function proofsIn(text: string): Proof[] {
  return [...text.matchAll(/`([^`]+)`(?::((?:,? *"[^"]+")+))?/g)].flatMap(
    ([, word = '', quoted = '']): Proof[] => {
      if (/^npm |^npx /.test(word)) return [{ kind: 'command', command: word }];
      if (!isTestFile(word)) return [];
      return [
        {
          kind: 'tests',
          file: word,
          titles: [...quoted.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
        },
      ];
    },
  );
}

function isTestFile(path: string): boolean {
  return /\.(test|contract|suite|fuzz)\.ts$|(^|\/)test_\w+\.py$/.test(path);
}

function faultsOfProof(proof: Proof): string[] {
  if (proof.kind === 'command')
    return isCommand(proof.command) ? [] : [`there is no command ${proof.command}`];
  // Named once more by those who look for files.
  if (!existsSync(join(root, proof.file))) return [];
  if (proof.titles.length === 0) return [`names no test of ${proof.file}`];
  const known = titlesIn(proof.file);
  return proof.titles
    .filter((title) => !known.has(title))
    .map((title) => `${proof.file} has no test "${title}"`);
}

/** Titles as they stand in the source, placeholders of `it.each` included. */
export function titlesIn(file: string): ReadonlySet<string> {
  const source = readFileSync(join(root, file), 'utf8');
  if (file.endsWith('.py'))
    return new Set([...source.matchAll(/^ *def (test_\w+)/gm)].map(([, name = '']) => name));
  // Behind `it(`, `describe(`, or the second bracket of `it.each(...)(`.
  const calls = source.matchAll(
    /(?:\b(?:it|test|describe|\w+Contract)\(|\)\(|\]\)\()\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/gs,
  );
  return new Set([...calls].map(([, , title = '']) => title.replaceAll(/\\(['"`])/g, '$1')));
}

const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));

const benches = new Set(
  [...readFileSync(join(root, 'bench', 'main.ts'), 'utf8').matchAll(/^ {2}'?([\w-]+)'?: \{$/gm)].map(
    ([, name]) => name,
  ),
);

export function isCommand(command: string): boolean {
  const [runner, verb = '', name = '', , bench = ''] = command.split(' ');
  if (runner === 'npx') return verb === 'vitest' && name === 'run' && isTestPath(command.split(' ')[3] ?? '');
  if (verb === 'test') return true;
  if (verb !== 'run' || scripts[name] === undefined) return false;
  return name !== 'bench' || benches.has(bench);
}

/** vitest takes the beginning of a path. */
function isTestPath(path: string): boolean {
  return path !== '' && globSync([`${path}*`, `${path}/**/*.test.ts`], { cwd: root }).length > 0;
}
