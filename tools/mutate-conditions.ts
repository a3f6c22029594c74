/**
 * `npm run mutate -- --conditions [WORD]`: do the conformance suite of the ports, and the tests beside it of what it cannot
 * reach, notice when a store writes without asking? Each clause of each condition that an adapter of DynamoDB sends is made
 * one that always holds, one at a time, and those tests that send it run again. Says which were not noticed.
 */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fails, root } from './mutated-tests.ts';
import type { SentConditions } from './weak-conditions.ts';

const folder = join(root, 'aws');
const tests = ['aws-ports', 'writes-between', 'adapters'].map((each) => join(folder, `${each}.test.ts`));
const setupFiles = [join(root, 'tools/weak-conditions.ts')];

/** True when every lost clause was noticed. @param word only places that have it in their name, as `dynamo-gates` */
export async function judgeConditions(word = ''): Promise<boolean> {
  const sources = wrappedSources();
  const places = [...sources.values()].flatMap((each) => each.places).filter((place) => place.includes(word));
  const sent = await sentConditions(sources);
  const unsent = places.filter((place) => sent[place] === undefined);
  for (const place of unsent) console.log(`never sent: ${place}`);
  const clauses = places.flatMap((place) => (sent[place]?.forms ?? []).map((form) => ({ place, form })));
  let noticed = 0;
  for (const { place, form } of clauses) {
    const { tests: names = [] } = sent[place] ?? {};
    Object.assign(process.env, { MUTATE_CLAUSE: `${place} ${form}`, MUTATE_REPORTS: '' });
    if (await fails({ tests, setupFiles, names, sourceOf: (file) => sources.get(file)?.source }))
      noticed += 1;
    else console.log(`not noticed: ${place} without ${form}, in ${names.length} tests`);
  }
  console.log(
    `${noticed} of ${clauses.length} lost clauses noticed, of ${places.length} conditions of which ${unsent.length} were never sent`,
  );
  return noticed === clauses.length && unsent.length === 0;
}

/** What the tests send as they are: they must pass, and say which of them are of use. */
async function sentConditions(sources: ReadonlyMap<string, Wrapped>): Promise<SentConditions> {
  const reports = mkdtempSync(join(tmpdir(), 'mutate-'));
  Object.assign(process.env, { MUTATE_CLAUSE: '', MUTATE_REPORTS: reports });
  if (await fails({ tests, setupFiles, sourceOf: (file) => sources.get(file)?.source }))
    throw new Error('the tests fail as they are');
  const sent: SentConditions = {};
  for (const report of readdirSync(reports)) {
    // Written by our own setup file.
    const ofFile = JSON.parse(readFileSync(join(reports, report), 'utf8')) as SentConditions;
    for (const [place, { forms, tests }] of Object.entries(ofFile)) {
      const before = sent[place] ?? { forms: [], tests: [] };
      const all = { forms: [...before.forms, ...forms], tests: [...before.tests, ...tests] };
      sent[place] = { ...all, forms: [...new Set(all.forms)] };
    }
  }
  return sent;
}

interface Wrapped {
  readonly source: string;
  /** File and line of each condition. */
  readonly places: readonly string[];
}

/** By file: each condition handed through `weakened`. */
function wrappedSources(): Map<string, Wrapped> {
  const files = readdirSync(folder).filter((each) => each.endsWith('.ts') && !each.endsWith('.test.ts'));
  const wrapped = files.map((each) => [join(folder, each), wrap(join(folder, each))] as const);
  return new Map(wrapped.filter(([, { places }]) => places.length > 0));
}

function wrap(file: string): Wrapped {
  const source = readFileSync(file, 'utf8');
  // Same length, without what a bracket or comma may stand in for itself.
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'|`[^`]*`/g, (hidden) =>
    hidden.replaceAll(/[^\n]/g, '_'),
  );
  const places: string[] = [];
  let result = '';
  let done = 0;
  for (const { 0: found, index } of code.matchAll(/(?<!readonly )\bConditionExpression:/g)) {
    const from = index + found.length;
    const to = endOfValue(code, from);
    const place = `${relative(root, file)}:${code.slice(0, index).split('\n').length}`;
    places.push(place);
    result += `${source.slice(done, from)} globalThis.weakened('${place}', (${source.slice(from, to)}))`;
    done = to;
  }
  return { source: result + source.slice(done), places };
}

/** Where the comma or bracket stands that ends a member of an object. */
function endOfValue(code: string, from: number): number {
  let depth = 0;
  for (let at = from; at < code.length; at += 1) {
    const sign = code[at] ?? '';
    if (depth === 0 && ',})'.includes(sign)) return at;
    if ('({['.includes(sign)) depth += 1;
    if (')}]'.includes(sign)) depth -= 1;
  }
  return code.length;
}
