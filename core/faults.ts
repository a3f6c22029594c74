/** Turns a zod error into the details of an error body: a path a person can find, and a sentence. */
import type { z } from 'zod';
import type { ErrorDetail } from './errors.ts';

type Issue = z.core.$ZodIssue;

export function faultsOf(error: z.ZodError, prefix: readonly string[] = []): ErrorDetail[] {
  return error.issues.flatMap((issue) => faultsOfIssue(issue, prefix));
}

function faultsOfIssue(issue: Issue, prefix: readonly string[]): ErrorDetail[] {
  const path = [...prefix, ...issue.path.map(String)];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not a known field' }));
  }
  const within = issue.code === 'invalid_union' ? meantBranch(issue) : undefined;
  if (within !== undefined) return within.flatMap((each) => faultsOfIssue(each, path));
  return [{ path: path.join('.'), message: sentenceOf(issue) }];
}

/** Of a union of types, the one that the value is of: its faults all lie within, and those of the others do not. */
function meantBranch({ errors }: Extract<Issue, { code: 'invalid_union' }>): readonly Issue[] | undefined {
  const fitting = errors.filter((issues) => issues.every(({ path }) => path.length > 0));
  return fitting.length === 1 ? fitting[0] : undefined;
}

function sentenceOf(issue: Issue): string {
  if (issue.code === 'invalid_union') {
    const allowed = allowedValues(issue);
    if (allowed.length > 0) return `must be one of ${allowed.join(', ')}`;
  }
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_type') return wrongType(issue);
  return issue.message;
}

/** zod leaves the input out of an issue, so that a missing field shows only in its own message. */
function wrongType({ expected, message }: Extract<Issue, { code: 'invalid_type' }>): string {
  if (message.endsWith('received undefined')) return 'is required';
  if (expected === 'int') return 'must be a whole number';
  const noun = expected === 'record' ? 'object' : expected;
  return `must be ${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** JSON Schema enums of numbers compile to unions of constants: gather them back. */
function allowedValues(issue: Extract<Issue, { code: 'invalid_union' }>): string[] {
  const values = issue.errors.map((branch) => branch[0]);
  return values.every((first) => first?.code === 'invalid_value')
    ? values.flatMap((first) => (first?.code === 'invalid_value' ? first.values.map(String) : []))
    : [];
}
