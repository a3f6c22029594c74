/**
 * For `mutate-conditions.ts`: a setup file of vitest that takes one clause out of one condition, wherever it is sent, and
 * notes which tests send which conditions and of how many clauses.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';

/** By place in the source: the forms of its clauses, and the tests that send it. */
export type SentConditions = Record<string, { forms: string[]; tests: string[] }>;

const { MUTATE_CLAUSE: weak = '', MUTATE_REPORTS: report = '' } = process.env;

const sent: SentConditions = {};

/** What has to hold together; one clause where there is an `OR` outside of brackets. */
function clausesOf(condition: string): string[] {
  return partsOf(condition, ' OR ').length > 1 ? [condition] : partsOf(condition, ' AND ');
}

/** Split where the word stands in no bracket. */
function partsOf(condition: string, word: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (const piece of condition.split(word)) {
    part = part === '' ? piece : part + word + piece;
    if (part.split('(').length !== part.split(')').length) continue;
    parts.push(part);
    part = '';
  }
  return parts;
}

/** Without what tells one name or value from another: clauses of one form are lost together, as one slip loses them. */
function formOf(clause: string): string {
  return clause.replaceAll(/(?<=[#:])[nv]\d+/g, '');
}

/** Still names what it named: a name or value that no expression uses is refused. */
function alwaysTrue(clause: string): string {
  return `(attribute_exists(pk) OR attribute_not_exists(pk) OR (${clause}))`;
}

function weakened(place: string, condition: string | undefined): string | undefined {
  if (condition === undefined) return undefined;
  const clauses = clausesOf(condition);
  note(place, clauses.map(formOf));
  return clauses.map((each) => (weak === `${place} ${formOf(each)}` ? alwaysTrue(each) : each)).join(' AND ');
}

function note(place: string, forms: readonly string[]): void {
  const before = sent[place] ?? { forms: [], tests: [] };
  // As the filter of names has it.
  const test = (expect.getState().currentTestName ?? '').replaceAll(' > ', ' ');
  sent[place] = {
    forms: [...new Set([...before.forms, ...forms])],
    tests: [...new Set([...before.tests, test])],
  };
}

Object.assign(globalThis, { weakened });

afterAll(() => {
  if (report !== '') writeFileSync(join(report, `${randomUUID()}.json`), JSON.stringify(sent));
});
