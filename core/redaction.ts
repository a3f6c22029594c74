/**
 * Takes tenants' own words out of texts that nobody chose with care: what a runner prints when it dies, what the error of
 * an SDK quotes. Our own log lines never hold them; this is for the lines that others write.
 */

/** Long enough that no common word is one, short enough that a name or a token of a secret is. */
export const sharedRunMin = 12;
/** A shorter input is looked for as a whole word; below this it is one that any text may hold. */
export const wholeWordMin = 4;

export const redacted = '[input]';

/**
 * The text with every run of {@link sharedRunMin} or more characters that an input has too replaced by
 * {@link redacted}, and every shorter input where it stands as a word of its own. Case of ASCII letters does not
 * matter. Takes time in proportion to the text and the inputs together.
 */
export function redact(text: string, inputs: Iterable<string>): string {
  const folded = foldCase(text);
  const covered = new Uint8Array(text.length);
  const places = placesOfRuns(folded);
  for (const input of inputs) {
    const wanted = foldCase(input);
    if (wanted.length >= sharedRunMin) coverRuns(wanted, places, covered);
    else if (wanted.length >= wholeWordMin) coverWord(wanted, folded, covered);
  }
  return withoutCovered(text, covered);
}

/** Where each run of the shortest length starts in the text. */
function placesOfRuns(text: string): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (let start = 0; start + sharedRunMin <= text.length; start += 1) {
    const run = text.slice(start, start + sharedRunMin);
    const known = places.get(run);
    if (known === undefined) places.set(run, [start]);
    else known.push(start);
  }
  return places;
}

function coverRuns(input: string, places: Map<string, number[]>, covered: Uint8Array): void {
  for (let start = 0; start + sharedRunMin <= input.length; start += 1) {
    const run = input.slice(start, start + sharedRunMin);
    for (const place of places.get(run) ?? []) covered.fill(1, place, place + sharedRunMin);
    // Once is enough: an input of one letter repeated would cover the same places again for each of its own.
    places.delete(run);
  }
}

function coverWord(input: string, text: string, covered: Uint8Array): void {
  for (let place = text.indexOf(input); place !== -1; place = text.indexOf(input, place + 1)) {
    const end = place + input.length;
    if (isWordEdge(text[place - 1]) && isWordEdge(text[end])) covered.fill(1, place, end);
  }
}

function isWordEdge(character: string | undefined): boolean {
  return character === undefined || !/[\p{L}\p{N}_]/u.test(character);
}

function withoutCovered(text: string, covered: Uint8Array): string {
  let kept = '';
  for (let at = 0; at < text.length; at += 1) {
    if (covered[at] === 0) kept += text[at];
    else if (covered[at - 1] !== 1) kept += redacted;
  }
  return kept;
}

/** Keeps every place where it is, which `toLowerCase` does not: one character of some scripts becomes two. */
function foldCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Every text within a value that came as JSON, names of members too. */
export function textsWithin(value: unknown): string[] {
  const texts: string[] = [];
  const open = [value];
  for (let next = open.pop(); next !== undefined || open.length > 0; next = open.pop()) {
    if (typeof next === 'string') texts.push(next);
    else if (typeof next === 'object' && next !== null) {
      texts.push(...Object.keys(next));
      open.push(...Object.values(next));
    }
  }
  return texts;
}
