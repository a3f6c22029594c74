/** How often the rules that ship are right, over the labelled prompts of `policy-corpus.json`. */
import * as z from 'zod';
import { rulesThatFind } from './policy.ts';

const partSchema = z.strictObject({
  attacks: z.array(z.strictObject({ trick: z.string(), text: z.string() })),
  harmless: z.array(z.string()),
});

export const corpusSchema = z.strictObject({
  about: z.string(),
  /** For the operator's terms: words that hold a term and are none, and spellings of terms. */
  boundaries: z.strictObject({
    terms: z.array(z.string()),
    harmless: z.array(z.string()),
    hits: z.array(z.string()),
  }),
  tuned: partSchema,
  held_back: partSchema,
});

export type PolicyCorpus = z.infer<typeof corpusSchema>;

export interface PolicyRates {
  readonly found: number;
  readonly attacks: number;
  readonly falseAlarms: number;
  readonly harmless: number;
  /** Found and all, by the trick that hides the attack. */
  readonly byTrick: ReadonlyMap<string, { readonly found: number; readonly attacks: number }>;
}

export function ratesOf({ attacks, harmless }: PolicyCorpus['tuned']): PolicyRates {
  const byTrick = new Map<string, { found: number; attacks: number }>();
  for (const { trick, text } of attacks) {
    const { found, attacks: seen } = byTrick.get(trick) ?? { found: 0, attacks: 0 };
    byTrick.set(trick, { found: found + (isFound(text) ? 1 : 0), attacks: seen + 1 });
  }
  return {
    found: attacks.filter(({ text }) => isFound(text)).length,
    attacks: attacks.length,
    falseAlarms: harmless.filter(isFound).length,
    harmless: harmless.length,
    byTrick,
  };
}

/** Rows of the table in docs/prompt-policy.md. */
export function ratesTable(corpus: PolicyCorpus): string {
  const rates = { tuned: ratesOf(corpus.tuned), held_back: ratesOf(corpus.held_back) };
  const tricks = [...new Set([...rates.tuned.byTrick.keys(), ...rates.held_back.byTrick.keys()])];
  const cell = (part: keyof typeof rates, trick: string) => {
    const { found, attacks } = rates[part].byTrick.get(trick) ?? { found: 0, attacks: 0 };
    return attacks === 0 ? '-' : `${found} of ${attacks}`;
  };
  const totals = (part: keyof typeof rates) => {
    const { found, attacks, falseAlarms, harmless } = rates[part];
    return { found: shareOf(found, attacks), alarms: shareOf(falseAlarms, harmless) };
  };
  const [tuned, heldBack] = [totals('tuned'), totals('held_back')];
  return [
    '| | prompts the rules were written with | held back |',
    '|---|---|---|',
    ...tricks.map((trick) => `| ${trick} | ${cell('tuned', trick)} | ${cell('held_back', trick)} |`),
    `| **attacks found** | ${tuned.found} | ${heldBack.found} |`,
    `| **false alarms** | ${tuned.alarms} | ${heldBack.alarms} |`,
  ].join('\n');
}

function isFound(text: string): boolean {
  return rulesThatFind([], [text]).length > 0;
}

function shareOf(part: number, whole: number): string {
  return `${part} of ${whole} (${((100 * part) / whole).toFixed(1)} %)`;
}
