/**
 * Characters that a reader takes for a Latin letter: those of Unicode's confusables.txt (UTS #39) that turn up in
 * prompts, in lower case, after NFKC has dealt with fullwidth, mathematical and circled letters.
 */

const pairs: readonly (readonly [latin: string, lookAlikes: string])[] = [
  ['a', 'аαɑᴀ'],
  ['b', 'вьβʙ'],
  ['c', 'сϲᴄ'],
  ['d', 'ԁɗᴅđ'],
  ['e', 'еεєᴇ'],
  ['f', 'ғꜰƒ'],
  ['g', 'ɡɢց'],
  ['h', 'һнհʜħ'],
  ['i', 'іιıɩɪ'],
  ['j', 'јϳᴊ'],
  ['k', 'кκᴋ'],
  ['l', 'ӏłʟ'],
  ['m', 'мᴍ'],
  ['n', 'пηոɴ'],
  ['o', 'оοօσᴏø'],
  ['p', 'рρᴘ'],
  ['q', 'ԛգ'],
  ['r', 'гʀ'],
  ['s', 'ѕꜱ'],
  ['t', 'тτᴛŧ'],
  ['u', 'цυսμᴜ'],
  ['v', 'ѵνᴠ'],
  ['w', 'ԝωшᴡ'],
  ['x', 'хχ'],
  ['y', 'уүγʏ'],
  ['z', 'ᴢ'],
  ['ss', 'ß'],
  ['ae', 'æ'],
  ['oe', 'œ'],
];

const latinOf: ReadonlyMap<string, string> = new Map(
  pairs.flatMap(([latin, lookAlikes]) => [...lookAlikes].map((each) => [each, latin] as const)),
);

/** Blocks of 26 letters in a frame, which NFKC leaves alone: negative circled, negative squared, regional indicators. */
const framed = [0x1f150, 0x1f170, 0x1f1e6] as const;

/** Replaces every look-alike by its Latin letter, and leaves everything else. */
export function latinLookAlikes(text: string): string {
  let latin = '';
  for (const character of text) latin += latinOf.get(character) ?? unframed(character);
  return latin;
}

function unframed(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const start = framed.find((each) => code >= each && code < each + 26);
  return start === undefined ? character : String.fromCharCode(97 + code - start);
}

/** Digits and signs that stand for letters within a word. `l` and what looks like it become `i`: see {@link readLeet}. */
const letterOf: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '9': 'g',
  '@': 'a',
  $: 's',
  '!': 'i',
  '|': 'i',
  l: 'i',
};

/**
 * A word with its digits read as letters. `1` may be meant as `i` or as `l`, so both become `i`; what it is compared
 * with must be read the same way.
 */
export function readLeet(word: string): string {
  return word.replace(/[0134578-9@$!|l]/g, (sign) => letterOf[sign] ?? sign);
}
