/**
 * The rules that ship. A phrase is a list of slots, each a choice of words, with a few other words let in between; it
 * is compiled once for views of words and once for runs of letters. Gaps are bounded, so matching time is too.
 */
import { readLeet } from './confusables.ts';
import type { FoldedText } from './fold.ts';

interface BuiltInRule<Name extends string> {
  readonly name: Name;
  finds(folded: FoldedText, plain: string): boolean;
}

/** Words with `|` between them, or how many other words may stand there. */
type Slot = string | number;

const undo =
  'ignore|ignoring|disregard|disregarding|forget|override|overriding|bypass|discard|abandon|dismiss|neglect';
const earlier =
  'previous|prior|above|earlier|preceding|foregoing|former|past|initial|original|existing|system|hidden|your|these|those|all';
const orders =
  'instruction|instructions|prompt|prompts|rule|rules|guideline|guidelines|direction|directions|directive|directives|command|commands|order|orders|constraint|constraints|programming|training';
const secrets = 'system|initial|hidden|original|secret|internal|developer';
const reveal =
  'reveal|print|show|output|repeat|display|expose|leak|describe|disclose|quote|recite|dump|tell|write|give';
const limits =
  'restriction|restrictions|rules|filter|filters|limit|limits|limitation|limitations|guideline|guidelines|policy|policies|censorship|safety|ethics|moderation|guardrails|safeguards';

const overrides = rule('instruction_injection', [
  [undo, 3, earlier, 2, orders],
  [undo, 1, 'everything|anything|all|what|whatever', 2, 'above|before|previously|earlier|said|told|written'],
  [undo, 1, orders],
  [undo, 'the above|all above|everything above|all of the above'],
  ['do not|dont|never|stop', 'follow|following|obey|obeying', 3, orders],
  ['new|updated|real|actual', orders, 'follow|below|override|replace'],
  ['stop', 'being|acting', 2, 'assistant|ai|model|bot'],
  ['from now on|henceforth', 'you|your|ignore|respond|answer'],
  ['you', 'must|will|shall|should', 'now', 'obey|comply|ignore|act|answer'],
]);

const leaks = rule('system_prompt_leak', [
  [reveal, 3, secrets, 1, 'prompt|prompts|instruction|instructions|message|rules'],
  [reveal, 2, 'your', 'prompt|instructions|rules|guidelines|programming'],
  ['repeat|print|output|copy', 3, 'text|words|everything|message|all', 1, 'above|before|preceding|verbatim'],
  [
    'what',
    'are|were|is|was',
    1,
    'your|the',
    1,
    'system|initial|hidden|original|secret',
    1,
    'prompt|instructions',
  ],
  ['what', 'are|were', 1, 'instructions', 2, 'given|told'],
]);

const jailbreaks = rule('jailbreak', [
  ['jailbreak|jailbreaks|jailbroken|jailbreaking'],
  ['do anything now'],
  ['you are|act as|become|as', 1, 'dan', 1, 'mode|who|and|now|do|you'],
  [
    'developer|dev|god|unrestricted|unfiltered|uncensored|admin|sudo|debug',
    'mode',
    1,
    'enabled|on|activated|and|now',
  ],
  [
    'enable|enter|activate|start|switch to',
    1,
    'developer|dev|god|unrestricted|unfiltered|admin|debug',
    'mode',
  ],
  [
    'without|no|remove|disable|drop|bypass|evade|circumvent|ignore|skip',
    3,
    'content|safety|moderation|ethical|nsfw',
    limits,
  ],
  ['bypass|evade|circumvent|disable|deactivate|remove', 2, 'your|all|the model', 1, limits],
  [
    'bypass|evade|circumvent|disable|deactivate|turn off',
    1,
    'safety|moderation|censorship|nsfw|guardrails|safeguards',
  ],
  ['you', 'have|has|are|answer|respond|know', 1, 'no|without', 2, limits],
  [
    'act|pretend|behave|answer|respond|roleplay',
    4,
    'without|no|unrestricted|unfiltered|uncensored',
    2,
    limits,
  ],
  ['unrestricted|unfiltered|uncensored|amoral|evil', 'ai|assistant|model|chatbot|llm'],
]);

/** Tokens of chat templates: no person writes them in a prompt. Looked for before punctuation goes. */
const markup = {
  name: 'chat_markup',
  finds: (_folded: FoldedText, plain: string) =>
    /<\|[a-z_ ]{2,30}\|>|\[\/?inst\]|<<\/?sys>>|<\/?s>|<start_of_turn>|<end_of_turn>|(?:^|\n)\s{0,8}#{2,6}\s{0,4}(?:system|assistant|instructions?)\s{0,4}:/.test(
      plain,
    ),
} as const satisfies BuiltInRule<'chat_markup'>;

export const builtInRules = [overrides, leaks, jailbreaks, markup] as const;

function rule<Name extends string>(name: Name, phrases: readonly (readonly Slot[])[]): BuiltInRule<Name> {
  const words = phrases.map((slots) => new RegExp(wordPattern(slots, (text) => text)));
  const leetWords = phrases.map((slots) => new RegExp(wordPattern(slots, readLeet)));
  const runs = phrases.flatMap((slots) => [
    new RegExp(runPattern(slots, (text) => text)),
    new RegExp(runPattern(slots, readLeet)),
  ]);
  return {
    name,
    finds: ({ views, leetViews, runs: spelled }) =>
      views.some((view) => words.some((each) => each.test(view))) ||
      leetViews.some((view) => leetWords.some((each) => each.test(view))) ||
      spelled.some((run) => runs.some((each) => each.test(run))),
  };
}

/** `(?: word| other)(?: \S+){0,2}(?: next) `: every word of a view has its space before it. */
function wordPattern(slots: readonly Slot[], read: (text: string) => string): string {
  const parts = slots.map((slot) =>
    typeof slot === 'number' ? `(?: \\S+){0,${slot}}` : `(?: ${choices(slot, read).join('| ')})`,
  );
  return `${parts.join('')}(?= )`;
}

/** A word let in between may be as long as English words mostly are. */
function runPattern(slots: readonly Slot[], read: (text: string) => string): string {
  return slots
    .map((slot) =>
      typeof slot === 'number'
        ? `.{0,${slot * 7}}`
        : `(?:${choices(slot, read).join('|').replaceAll(' ', '')})`,
    )
    .join('');
}

function choices(slot: string, read: (text: string) => string): string[] {
  return slot.split('|').map(read);
}
