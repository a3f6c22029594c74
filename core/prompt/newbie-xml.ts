/**
 * NewBie's structured prompt: a list of `character_N`, `general_tags` and `caption`, sometimes wrapped in `<image>`
 * (models.md 2). What passes is written anew in one canonical form, so that no worker parses a tenant's XML: no
 * wrapper, one element a line, `<n>` for `<name>`, single spaces, empty elements left out, only `&` and `<` escaped.
 * The canonical form of a canonical form is itself.
 */
import type { ErrorDetail } from '../errors.ts';
import { promptLimits } from '../limits.ts';
import type { XmlElement, XmlFault, XmlFaultCode, XmlNode } from './xml-scanner.ts';
import { scanXml, shownName } from './xml-scanner.ts';

export type NewbiePrompt =
  | {
      readonly kind: 'valid';
      readonly canonical: string;
      /** The text of every element, one a line: what a policy reads. */
      readonly text: string;
      /** True when `<count>` names another number of people than there are characters. */
      readonly countDiffers: boolean;
    }
  /** In the order of the text; at least one. Every path begins with `input.prompt`. */
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] };

export interface NewbieXmlOptions {
  /** Lets tags of other names through, each with text or with elements. */
  readonly customTags: boolean;
}

const characterTags = new Set(
  'n gender appearance clothing body_type expression action interaction position'.split(' '),
);
const generalTags = new Set(
  (
    'count artists style background environment perspective atmosphere lighting resolution quality objects ' +
    'other'
  ).split(' '),
);
const topTags = new Set(['general_tags', 'caption', 'image']);

/** An element after the checks: text alone, or elements alone. */
interface Part {
  readonly name: string;
  readonly text: string;
  readonly parts: readonly Part[];
}

interface Checks {
  readonly customTags: boolean;
  readonly faults: XmlFault[];
}

/** Only a prompt that begins with `<` is XML; plain tags and sentences are prompts of NewBie as they are. */
export function isNewbieXml(prompt: string): boolean {
  return /^\s*</.test(prompt);
}

/** Never throws. Takes time in proportion to the length, which is bounded. */
export function readNewbieXml(prompt: string, { customTags }: NewbieXmlOptions): NewbiePrompt {
  const tooLarge = sizeFaultOf(prompt);
  if (tooLarge !== null) return invalid(prompt, [tooLarge]);
  const scanned = scanXml(prompt, { depthMax: promptLimits.xmlDepthMax });
  if (scanned.kind === 'fault') return invalid(prompt, [scanned.fault]);

  const checks: Checks = { customTags, faults: [] };
  const { nodes, path } = unwrap(scanned.nodes);
  const elements = elementsOf(nodes, path, checks);
  checkCharacters(elements, path, checks);
  const parts = partsOf(elements, path, checks);
  const text = textsOf(parts).join('\n');
  if (text === '' && checks.faults.length === 0) {
    checks.faults.push({ code: 'empty', message: 'no element holds any text', offset: 0, path });
  }
  if (checks.faults.length > 0) return invalid(prompt, checks.faults);
  const canonical = parts.map(serialise).join('\n');
  // A line break between elements that had none can make it longer than what came.
  const tooLong = sizeFaultOf(canonical);
  if (tooLong !== null) return invalid(prompt, [tooLong]);
  return { kind: 'valid', canonical, text, countDiffers: countDiffers(parts) };
}

function sizeFaultOf(text: string): XmlFault | null {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= promptLimits.xmlBytesMax) return null;
  const message = `the prompt is ${bytes} bytes long, ${promptLimits.xmlBytesMax} are allowed`;
  return { code: 'too_large', message, offset: 0, path: [] };
}

function invalid(prompt: string, faults: readonly XmlFault[]): NewbiePrompt {
  const inOrder = faults.toSorted((left, right) => left.offset - right.offset);
  const details = inOrder.slice(0, promptLimits.xmlFaultsMax).map(({ code, message, offset, path }) => ({
    path: ['input.prompt', ...path.map(shownName)].join('.'),
    code,
    message,
    ...positionOf(prompt, offset),
  }));
  return { kind: 'invalid', details };
}

/** Both count from 1; a column is a code point, as an editor shows it. */
function positionOf(text: string, offset: number): { line: number; column: number } {
  const lines = text.slice(0, offset).split(/\r\n|\n|\r/);
  return { line: lines.length, column: [...(lines.at(-1) ?? '')].length + 1 };
}

function unwrap(nodes: readonly XmlNode[]): { nodes: readonly XmlNode[]; path: readonly string[] } {
  const [only, ...others] = nodes.filter((node) => !isBlank(node));
  return only?.kind === 'element' && only.name === 'image' && others.length === 0
    ? { nodes: only.children, path: ['image'] }
    : { nodes, path: [] };
}

/** The elements of a place that holds nothing else. */
function elementsOf(nodes: readonly XmlNode[], path: readonly string[], { faults }: Checks): XmlElement[] {
  const elements: XmlElement[] = [];
  for (const node of nodes) {
    if (node.kind === 'element') elements.push(node);
    else if (!isBlank(node)) {
      const where =
        path.at(-1) === undefined ? 'outside every element' : `directly in <${shownName(path.at(-1) ?? '')}>`;
      const offset = node.offset + node.text.search(/[^ \t\r\n]/);
      faults.push({ code: 'misplaced_text', message: `there must be no text ${where}`, offset, path });
    }
  }
  return elements;
}

/** 1 to N, each once, no more than six; every other name that begins so is a slip. */
function checkCharacters(elements: readonly XmlElement[], path: readonly string[], { faults }: Checks): void {
  const seen = new Set<number>();
  for (const { name, offset } of elements) {
    const number = characterNumber(name);
    if (number === null) continue;
    const wrong = (code: XmlFaultCode, message: string) =>
      faults.push({ code, message, offset, path: [...path, name] });
    if (!(number >= 1 && number <= promptLimits.xmlCharactersMax)) {
      wrong('character_number', `characters are numbered 1 to ${promptLimits.xmlCharactersMax}`);
    } else if (seen.has(number)) wrong('duplicate_tag', `<${shownName(name)}> is there twice`);
    else seen.add(number);
  }
  const highest = Math.max(0, ...seen);
  const missing = Array.from({ length: highest }, (_, index) => index + 1).find((each) => !seen.has(each));
  const last = elements.find(({ name }) => characterNumber(name) === highest);
  if (missing === undefined || last === undefined) return;
  const message = `there is a <${last.name}> and no <character_${missing}>`;
  faults.push({ code: 'character_number', message, offset: last.offset, path: [...path, last.name] });
}

/** NaN for a name that begins as a character's and goes on as none; null for any other name. */
function characterNumber(name: string): number | null {
  const digits = /^character_(.*)$/s.exec(name)?.[1];
  if (digits === undefined) return null;
  return /^(0|[1-9]\d{0,5})$/.test(digits) ? Number(digits) : Number.NaN;
}

/** What the elements of one place say; an element at fault is left out. */
function partsOf(elements: readonly XmlElement[], path: readonly string[], checks: Checks): Part[] {
  const seen = new Set<string>();
  const place = path.filter((name) => name !== 'image');
  return elements.flatMap((element) => {
    const inCharacter = place.length === 1 && characterNumber(place[0] ?? '') !== null;
    const name = inCharacter && element.name === 'name' ? 'n' : element.name;
    const own = [...path, element.name];
    const wrong = (code: XmlFaultCode, message: string): [] => {
      checks.faults.push({ code, message, offset: element.offset, path: own });
      return [];
    };
    const form = formOf(name, place, checks);
    if (form === null)
      return wrong('unknown_tag', `there is no <${shownName(element.name)}> ${whereOf(place)}`);
    if (characterNumber(name) === null && seen.has(name)) {
      return wrong('duplicate_tag', `<${shownName(element.name)}> is there twice`);
    }
    seen.add(name);
    return partOf(element, { name, form, path: own }, checks);
  });
}

function partOf(
  { children }: XmlElement,
  { name, form, path }: { name: string; form: 'leaf' | 'container' | 'either'; path: readonly string[] },
  checks: Checks,
): Part[] {
  const isLeaf = form === 'leaf' || (form === 'either' && children.every(({ kind }) => kind === 'text'));
  if (!isLeaf) {
    const part = { name, text: '', parts: partsOf(elementsOf(children, path, checks), path, checks) };
    // The numbers of the others must still hold when an empty character is read again.
    return part.parts.length > 0 || characterNumber(name) !== null ? [part] : [];
  }
  let text = '';
  for (const child of children) {
    if (child.kind === 'text') text += child.text;
    else {
      const message = `<${shownName(name)}> holds text and no elements`;
      checks.faults.push({ code: 'unknown_tag', message, offset: child.offset, path: [...path, child.name] });
    }
  }
  const trimmed = text.replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '');
  return trimmed === '' ? [] : [{ name, text: trimmed, parts: [] }];
}

/** What an element of this name holds at this place; null: it must not be there. */
function formOf(
  name: string,
  place: readonly string[],
  { customTags }: Checks,
): 'leaf' | 'container' | 'either' | null {
  const [parent] = place;
  if (parent === undefined) {
    if (characterNumber(name) !== null || name === 'general_tags') return 'container';
    if (name === 'caption') return 'leaf';
  } else {
    if (place.length === 1 && leafTagsOf(parent)?.has(name)) return 'leaf';
  }
  const isKnownElsewhere = characterTags.has(name) || generalTags.has(name) || topTags.has(name);
  if (!customTags || isKnownElsewhere || characterNumber(name) !== null) return null;
  return 'either';
}

function leafTagsOf(container: string): ReadonlySet<string> | null {
  if (characterNumber(container) !== null) return characterTags;
  return container === 'general_tags' ? generalTags : null;
}

function whereOf(place: readonly string[]): string {
  return place.length === 0 ? 'at the top' : `in <${shownName(place.at(-1) ?? '')}>`;
}

function isBlank(node: XmlNode): boolean {
  return node.kind === 'text' && /^[ \t\r\n]*$/.test(node.text);
}

function textsOf(parts: readonly Part[]): string[] {
  return parts.flatMap(({ text, parts: inner }) => (text === '' ? textsOf(inner) : [text]));
}

function serialise({ name, text, parts }: Part): string {
  if (parts.length === 0) return `<${name}>${escapeText(text)}</${name}>`;
  return `<${name}>\n${parts.map(serialise).join('\n')}\n</${name}>`;
}

/** `]]>` is the one place where text must not hold a bare `>` (XML 1.0, section 2.4). */
function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(']]>', ']]&gt;');
}

/** Danbooru's tags of number. Says nothing where no character is described or no tag gives a number. */
function countDiffers(parts: readonly Part[]): boolean {
  const characters = parts.filter(({ name }) => characterNumber(name) !== null).length;
  const general = parts.find(({ name }) => name === 'general_tags');
  const tags = general?.parts.find(({ name }) => name === 'count')?.text.split(',') ?? [];
  const counts = tags.map(countOf).filter((count) => count !== null);
  if (characters === 0 || counts.length === 0) return false;
  const sum = counts.reduce((total, { number }) => total + number, 0);
  return counts.some(({ orMore }) => orMore) ? characters < sum : characters !== sum;
}

function countOf(tag: string): { number: number; orMore: boolean } | null {
  const word = tag.trim().toLowerCase().replaceAll(' ', '_');
  const [, digits, plus] = /^(\d{1,3})(\+?)(?:girl|boy|other)s?$/.exec(word) ?? [];
  if (digits !== undefined) return { number: Number(digits), orMore: plus === '+' };
  if (/^multiple_(girls|boys|others)$/.test(word)) return { number: 2, orMore: true };
  return word === 'no_humans' ? { number: 0, orMore: false } : null;
}
