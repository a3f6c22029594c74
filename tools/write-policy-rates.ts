/**
 * Measures the prompt policy's rules over their labelled prompts and writes the table of docs/prompt-policy.md. Its
 * test compares, so a change of a rule without a new measurement is refused.
 *
 *   npm run policy-rates
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusSchema, ratesTable } from '#core/prompt/policy-rates.ts';

const root = join(import.meta.dirname, '..');
const file = join(root, 'docs/prompt-policy.md');
const corpus = JSON.parse(readFileSync(join(root, 'core/prompt/policy-corpus.json'), 'utf8'));

const [before, after] = readFileSync(file, 'utf8').split(/<!-- rates -->[\s\S]*<!-- end of rates -->/);
if (before === undefined || after === undefined) throw new Error(`${file} has no place for the rates`);
const table = ratesTable(corpusSchema.parse(corpus));
writeFileSync(file, `${before}<!-- rates -->\n${table}\n<!-- end of rates -->${after}`);
