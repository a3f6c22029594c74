/**
 * Parameters of OpenAI's requests that are no input of a model here. Every one of them has a row: it is ignored, because
 * the original's answer does not depend on it either; or it is taken at the value that asks for nothing, and refused by its
 * name at any other. A name without a row goes to the model, whose own schema takes it or refuses it.
 */
import type * as z from 'zod';
import { canonicalJson } from '../../canonical.ts';
import type { ErrorDetail } from '../../errors.ts';

export type Json = z.core.util.JSONType;
export type Parameters = Readonly<Record<string, Json>>;

/** Values that ask for nothing; `ignored`: every value does. */
export type Rule = 'ignored' | readonly Json[];

export interface Sorted {
  readonly rest: Parameters;
  readonly details: readonly ErrorDetail[];
}

/** What requests of every kind may say about accounts, tiers and caches. */
export const commonRules: Readonly<Record<string, Rule>> = {
  user: 'ignored',
  safety_identifier: 'ignored',
  prompt_cache_key: 'ignored',
  prompt_cache_retention: 'ignored',
  store: 'ignored',
  service_tier: ['auto', 'default'],
};

/** Takes out what has a rule. To leave a parameter out and to give it as null are the same, as in the original. */
export function sortParameters(body: Parameters, rules: Readonly<Record<string, Rule>>): Sorted {
  const details: ErrorDetail[] = [];
  const rest = Object.entries(body).filter(([name, value]) => {
    if (value === null) return false;
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) return true;
    if (rule !== 'ignored' && !rule.some((neutral) => canonicalJson(neutral) === canonicalJson(value))) {
      details.push({ path: name, message: unsupported(rule) });
    }
    return false;
  });
  return { rest: Object.fromEntries(rest), details };
}

function unsupported(neutral: readonly Json[]): string {
  const [first] = neutral;
  return first === undefined
    ? 'is not supported'
    : `is not supported, other than as ${JSON.stringify(first)}`;
}
