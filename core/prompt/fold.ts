/**
 * Texts as a policy compares them: one spelling for the many ways to write a word so that a person reads it and a
 * list of words does not find it. Several views of one text come out, because a hyphen may part two words or hide one.
 *
 * Every view is words with one space between them and at both ends, so that a whole word is found by ` word `: the
 * `ass` in "class" is no word of any view.
 */
import { latinLookAlikes, readLeet } from './confusables.ts';

export interface FoldedText {
  /** Words as they stand, words with what is inside them taken out, spaced letters joined. */
  readonly views: readonly string[];
  /** The same with digits and signs read as letters: see {@link readLeet}. */
  readonly leetViews: readonly string[];
  /** Runs of single letters, joined without regard to words: `ignorepreviousinstructions`. Both readings. */
  readonly runs: readonly string[];
}

/** Combining marks of the scripts that have look-alikes; marks of other scripts are part of their letters. */
const latinMarks = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/g;
/** What takes no room: zero-width, soft hyphens, variation selectors, direction marks, and control characters. */
const invisible = /[\p{Default_Ignorable_Code_Point}\p{Cf}]|(?![\t\n\v\f\r\u0085])\p{Cc}/gu;

const wordPattern = /[\p{L}\p{N}\p{M}]+/gu;
const leetWordPattern = /[\p{L}\p{N}\p{M}@$!|]+/gu;
/** Signs with a word on either side and no space: what "jail-break" and "ig_nore" put in. */
const insideWord = /(?<=[\p{L}\p{N}\p{M}@$|])[^\p{L}\p{N}\p{M}\s@$|]+(?=[\p{L}\p{N}\p{M}@$|])/gu;

/** Two single letters side by side are common ("a b-side"); three are a word spelled out, or initials. */
const runLettersMin = 3;

/** Unicode made plain: compatibility forms, case, marks, look-alikes and what cannot be seen. Never throws. */
export function plainText(text: string): string {
  const visible = text.normalize('NFKC').replace(invisible, '');
  const bare = visible.toLowerCase().normalize('NFD').replace(latinMarks, '').normalize('NFC');
  return latinLookAlikes(bare);
}

export function foldText(text: string): FoldedText {
  const plain = plainText(text);
  const joined = plain.replace(insideWord, '');
  const spaced = spacedLetters(plain);
  const leetWords = leetWordsOf(plain);
  const leetSpaced = spacedLetters(leetWords);
  return {
    views: distinct([viewOf(wordsOf(plain)), viewOf(wordsOf(joined)), ...spaced.views]),
    leetViews: distinct([
      viewOf(wordsOf(leetWords)),
      viewOf(wordsOf(leetWordsOf(joined))),
      ...leetSpaced.views,
    ]),
    runs: distinct([...spaced.runs, ...leetSpaced.runs]),
  };
}

/** A term or phrase in the form of a view, without the spaces at its ends. */
export function foldPhrase(phrase: string): string {
  return wordsOf(plainText(phrase)).join(' ');
}

/** The same with what is inside its words taken out: `r2d2` for `R2-D2`. */
export function foldJoined(phrase: string): string {
  return wordsOf(plainText(phrase).replace(insideWord, '')).join(' ');
}

function wordsOf(plain: string): string[] {
  return plain.match(wordPattern) ?? [];
}

function viewOf(words: readonly string[]): string {
  return ` ${words.join(' ')} `;
}

/** Only words with a letter are read as hidden ones: a number is a number. */
function leetWordsOf(plain: string): string {
  const isSpelled = /(?<![\p{L}\p{N}\p{M}@$!|])[\p{L}\p{N}@$!|](?![\p{L}\p{N}\p{M}@$!|])/u.test(plain);
  return plain.replace(leetWordPattern, (word) => {
    const isHidden = /\p{L}/u.test(word) || (isSpelled && word.length === 1);
    return isHidden ? readLeet(word.replace(/!+$/, '')) : word;
  });
}

/**
 * Words spelled one letter at a time ("i g n o r e  t h i s", "i.g.n.o.r.e"). Where gaps differ in length the wider
 * one parts two words; where they do not, nobody can tell, and the run is one word.
 */
function spacedLetters(plain: string): { views: string[]; runs: string[] } {
  const pieces = [...plain.matchAll(/([\p{L}\p{N}\p{M}]+)([^\p{L}\p{N}\p{M}]*)/gu)];
  const words: string[] = [];
  const runs: string[] = [];
  let run: { letter: string; gap: number }[] = [];
  const endRun = () => {
    if (run.length >= runLettersMin) {
      runs.push(run.map(({ letter }) => letter).join(''));
      words.push(...wordsOfRun(run));
    } else words.push(...run.map(({ letter }) => letter));
    run = [];
  };
  for (const [, word = '', gap = ''] of pieces) {
    if ([...word].length === 1) run.push({ letter: word, gap: gap.length });
    else {
      endRun();
      words.push(word);
    }
  }
  endRun();
  return runs.length === 0 ? { views: [], runs } : { views: [viewOf(words)], runs };
}

function wordsOfRun(run: readonly { letter: string; gap: number }[]): string[] {
  const narrow = Math.min(...run.slice(0, -1).map(({ gap }) => gap));
  const words = [''];
  for (const [index, { letter, gap }] of run.entries()) {
    words.push(`${words.pop() ?? ''}${letter}`);
    if (gap > narrow && index < run.length - 1) words.push('');
  }
  return words;
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
