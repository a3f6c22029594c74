/**
 * Reads a free-text prompt as a scene of one or two objects and encodes it in the model's eight slots.
 *
 * A prompt is read left to right. Adjectives wait for the next shape; after the last shape they go back to it
 * ("a ring that is red"). A relation phrase between two shapes, or position words behind them ("a ring on the left
 * and ..."), decide which object is canonically first: the left one, or the top one. Without either, two objects
 * stand beside each other in the order named.
 */
import { wordsOf } from '#core/prompt/tokens.ts';
import { relationToken, specialToken, vocabulary, type WordKind, wordToken } from './shapes-vocabulary.ts';

export interface ParsedPrompt {
  /** Eight token ids in the order of `vocabulary.slots`; all null tokens when the prompt names no known shape. */
  slots: number[];
  /** Words without effect on the picture, lower case, in prompt order, each once. */
  unknownWords: string[];
}

type Side = 'left' | 'right' | 'top' | 'bottom';

interface SceneObject {
  shape: number;
  colour?: number | undefined;
  size?: number | undefined;
  side?: Side | undefined;
}

interface Reading {
  objects: SceneObject[];
  background?: number | undefined;
  /** Adjectives that wait for their shape. */
  waiting: { kind: 'colour' | 'size'; token: number; word: string }[];
  /** Where the object named before the relation stands; `leading` if the relation came before any object. */
  relation?: { side: Side; leading: boolean } | undefined;
  /** Position word read before its object ("on the left a ring"). */
  waitingSide?: Side | undefined;
  unknownWords: string[];
}

const objectsMax = 2;

/** Words that carry no wish about the picture; anything else unknown is reported. */
const silentWords = new Set(
  (
    'a an and against also at background backdrop color colored colour coloured draw drawing has in is it its ' +
    'image me object of on one painted picture placed plain please positioned render shape shaped show single ' +
    'sitting standing that the there to which with side solid'
  ).split(' '),
);

const backgroundNouns = new Set(['background', 'backdrop']);

/** Relation phrases, longest first; the side is where the object named before the phrase stands. */
const relationPhrases: readonly (readonly [readonly string[], Side])[] = [
  [['to', 'the', 'left', 'of'], 'left'],
  [['to', 'the', 'right', 'of'], 'right'],
  [['on', 'the', 'left', 'of'], 'left'],
  [['on', 'the', 'right', 'of'], 'right'],
  [['on', 'top', 'of'], 'top'],
  [['left', 'of'], 'left'],
  [['right', 'of'], 'right'],
  [['next', 'to'], 'left'],
  [['above'], 'top'],
  [['over'], 'top'],
  [['atop'], 'top'],
  [['below'], 'bottom'],
  [['under'], 'bottom'],
  [['underneath'], 'bottom'],
  [['beneath'], 'bottom'],
  [['beside'], 'left'],
];

const sides: ReadonlyMap<string, Side> = new Map([
  ['left', 'left'],
  ['right', 'right'],
  ['top', 'top'],
  ['bottom', 'bottom'],
]);

/** Parses a prompt. Pure; never throws: what it cannot read comes back in `unknownWords`. */
export function parseShapesPrompt(prompt: string): ParsedPrompt {
  const words = wordsOf(prompt);
  const reading: Reading = { objects: [], waiting: [], unknownWords: [] };
  for (let index = 0; index < words.length; ) index += readWords(words, index, reading);
  giveBack(reading);

  if (reading.objects.length === 0) {
    // Without a shape nothing of the prompt reaches the picture, so every telling word is reported.
    const telling = words.filter((word) => !silentWords.has(word));
    return { slots: vocabulary.slots.map(() => vocabulary.nullToken), unknownWords: [...new Set(telling)] };
  }
  return { slots: encodeScene(reading), unknownWords: [...new Set(reading.unknownWords)] };
}

/** Reads the phrase at `index` into `reading` and returns how many words it took, at least one. */
function readWords(words: readonly string[], index: number, reading: Reading): number {
  const relation = relationPhrases.find(([phrase]) =>
    phrase.every((word, offset) => words[index + offset] === word),
  );
  if (relation !== undefined) {
    readRelation(relation, reading);
    return relation[0].length;
  }
  const word = words[index] ?? '';
  if (describesBackground(words, index)) readBackground(word, reading);
  else if (!readObjectWord(word, reading) && !readSide(word, reading) && !silentWords.has(word)) {
    reading.unknownWords.push(word);
  }
  return 1;
}

/** "a dark background", "on white", "against a mint canvas": a background word there, or any word before the noun. */
function describesBackground(words: readonly string[], index: number): boolean {
  const word = words[index] ?? '';
  const next = words[index + 1];
  if (next !== undefined && backgroundNouns.has(next)) return !silentWords.has(word);
  if (wordToken('background', word) === undefined) return false;
  const beforeArticle = words[index - 1] === 'a' || words[index - 1] === 'the' ? index - 2 : index - 1;
  const isPlaced = words[beforeArticle] === 'on' || words[beforeArticle] === 'against';
  return isPlaced && (next === undefined || !isObjectWord(next));
}

function isObjectWord(word: string): boolean {
  return (['shape', 'colour', 'size'] as const).some((kind) => wordToken(kind, word) !== undefined);
}

function readBackground(word: string, reading: Reading): void {
  const token = wordToken('background', word);
  if (token === undefined || reading.background !== undefined) reading.unknownWords.push(word);
  else reading.background = token;
}

function readRelation([phrase, side]: (typeof relationPhrases)[number], reading: Reading): void {
  giveBack(reading);
  const last = reading.objects.at(-1);
  if (reading.relation === undefined && reading.objects.length < objectsMax) {
    reading.relation = { side, leading: reading.objects.length === 0 };
  } else if (reading.relation === undefined && last !== undefined && last.side === undefined) {
    // "A ring with a square below it."
    last.side = side;
  } else {
    reading.unknownWords.push(...phrase.filter((word) => !silentWords.has(word)));
  }
}

/** Takes a shape, colour or size word; returns false for any other word. */
function readObjectWord(word: string, reading: Reading): boolean {
  for (const kind of ['colour', 'size'] as const) {
    const token = wordToken(kind, word);
    if (token !== undefined) {
      reading.waiting.push({ kind, token, word });
      return true;
    }
  }
  const singular = wordToken('shape', word);
  const shape = singular ?? pluralShape(word);
  if (shape === undefined) return false;
  // A plural is drawn once; reporting it says that the number was not understood.
  if (singular === undefined) reading.unknownWords.push(word);
  addObject(shape, word, reading);
  return true;
}

function pluralShape(word: string): number | undefined {
  const stems = [word.replace(/s$/u, ''), word.replace(/es$/u, '')];
  return stems.map((stem) => wordToken('shape', stem)).find((token) => token !== undefined);
}

function addObject(shape: number, word: string, reading: Reading): void {
  const waiting = reading.waiting.splice(0);
  if (reading.objects.length === objectsMax) {
    reading.unknownWords.push(...waiting.map((adjective) => adjective.word), word);
    return;
  }
  const object: SceneObject = { shape, side: reading.waitingSide };
  reading.waitingSide = undefined;
  reading.objects.push(object);
  reading.unknownWords.push(...describe(object, waiting));
}

/** Gives adjectives that no shape followed to the object before them; what does not fit is reported. */
function giveBack(reading: Reading): void {
  const waiting = reading.waiting.splice(0);
  const object = reading.objects.at(-1);
  if (object !== undefined) reading.unknownWords.push(...describe(object, waiting));
  else reading.waiting.push(...waiting);
}

/** Fills an object's open details and returns the words of those already taken. */
function describe(object: SceneObject, adjectives: Reading['waiting']): string[] {
  const refused: string[] = [];
  for (const { kind, token, word } of adjectives) {
    if (object[kind] === undefined) object[kind] = token;
    else refused.push(word);
  }
  return refused;
}

function readSide(word: string, reading: Reading): boolean {
  const side = sides.get(word);
  if (side === undefined) return false;
  giveBack(reading);
  const object = reading.objects.at(-1);
  if (object !== undefined && object.side === undefined) object.side = side;
  else if (reading.objects.length < objectsMax) reading.waitingSide = side;
  else reading.unknownWords.push(word);
  return true;
}

function encodeScene(reading: Reading): number[] {
  const { stacked, swapped } = arrangement(reading);
  const named = reading.objects.length === 2 && swapped ? reading.objects.toReversed() : reading.objects;
  const [first, second] = named;
  const relation = second === undefined ? 'single' : stacked ? 'stacked' : 'beside';
  return [
    reading.background ?? specialToken('background', 'any'),
    relationToken(relation),
    ...objectSlots(first),
    ...objectSlots(second),
  ];
}

function objectSlots(object: SceneObject | undefined): number[] {
  if (object === undefined) {
    return (['shape', 'colour', 'size'] as const).map((kind) => specialToken(kind, 'none'));
  }
  return [
    object.shape,
    object.colour ?? specialToken('colour', 'any'),
    object.size ?? specialToken('size', 'any'),
  ];
}

/** Axis of a pair, and whether the object named first is canonically second (right or bottom). */
function arrangement(reading: Reading): { stacked: boolean; swapped: boolean } {
  const [first, second] = reading.objects;
  const side = reading.relation?.side ?? first?.side ?? opposite(second?.side) ?? 'left';
  const isFar = side === 'right' || side === 'bottom';
  return {
    stacked: side === 'top' || side === 'bottom',
    // "Above a square, a ring": the phrase places the object named second.
    swapped: reading.relation?.leading === true ? !isFar : isFar,
  };
}

function opposite(side: Side | undefined): Side | undefined {
  switch (side) {
    case 'left':
      return 'right';
    case 'right':
      return 'left';
    case 'top':
      return 'bottom';
    case 'bottom':
      return 'top';
    case undefined:
      return undefined;
  }
}

/** The kinds of words a prompt may use, for help texts: every word the model knows. */
export function knownWords(kind: WordKind): string[] {
  return vocabulary[kind].entries.flatMap((entry) => entry.words);
}
