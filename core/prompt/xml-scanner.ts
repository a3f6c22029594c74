/**
 * Reads the little of XML that a prompt may use: elements without attributes, and text. Everything else that XML has
 * (declarations, entities of one's own, instructions, CDATA, comments, attributes, namespaces) is refused by name, so
 * that nothing after this ever meets it. One pass, no recursion, the first fault ends it: time grows with the length
 * of the text and with nothing else. A parser of all of XML would have to be told to leave all of that out.
 */

import { promptLimits } from '../limits.ts';

export const xmlFaultCodes = [
  'too_large',
  'control_character',
  'declaration',
  'processing_instruction',
  'cdata',
  'comment',
  'entity',
  'attribute',
  'namespace',
  'malformed',
  'mismatched_tag',
  'unclosed_tag',
  'too_deep',
  'unknown_tag',
  'misplaced_text',
  'character_number',
  'duplicate_tag',
  'empty',
] as const;

export type XmlFaultCode = (typeof xmlFaultCodes)[number];

export interface XmlFault {
  readonly code: XmlFaultCode;
  readonly message: string;
  /** Index of the UTF-16 unit at fault; always inside the text. */
  readonly offset: number;
  /** Names of the elements around it, outermost first. */
  readonly path: readonly string[];
}

export interface XmlText {
  readonly kind: 'text';
  /** With the entities replaced by what they stand for. */
  readonly text: string;
  readonly offset: number;
}

export interface XmlElement {
  readonly kind: 'element';
  readonly name: string;
  readonly offset: number;
  readonly children: XmlNode[];
}

export type XmlNode = XmlText | XmlElement;

export type ScannedXml =
  | { readonly kind: 'nodes'; readonly nodes: readonly XmlNode[] }
  | { readonly kind: 'fault'; readonly fault: XmlFault };

interface Tag {
  readonly form: 'open' | 'close' | 'empty';
  readonly name: string;
  readonly end: number;
}

type Wrong = Pick<XmlFault, 'code' | 'message' | 'offset'>;

/** What XML 1.0 (section 2.2) keeps out of a document, and the second set of control characters. */
const controlCharacter = /[[\p{Cc}\p{Cs}\uFFFE\uFFFF]--[\t\n\r]]/v;
const tagPattern = /<(\/?)([A-Za-z_][\w.-]*)[ \t\r\n]*(\/?)>/y;
const tagStart = /<\/?([A-Za-z_][\w.-]*)([ \t\r\n]*)/y;

/** The five that XML predefines (section 4.6) name one character each, so there is nothing to define or to expand. */
const entities: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&apos;': "'",
};

/** Top-level nodes in order, or the first fault. `depthMax` counts elements within elements. */
export function scanXml(text: string, { depthMax }: { readonly depthMax: number }): ScannedXml {
  const open: XmlElement[] = [{ kind: 'element', name: '', offset: 0, children: [] }];
  const pathOf = () => open.slice(1).map(({ name }) => name);
  const fail = (wrong: Wrong): ScannedXml => ({ kind: 'fault', fault: { ...wrong, path: pathOf() } });

  const control = controlCharacter.exec(text);
  if (control !== null) {
    const message = 'control characters and broken surrogates are not allowed';
    return fail({ code: 'control_character', message, offset: control.index });
  }
  for (let at = 0; at < text.length; ) {
    if (text[at] !== '<') {
      const next = text.indexOf('<', at);
      const end = next === -1 ? text.length : next;
      const wrong = addText(open, text, at, end);
      if (wrong !== null) return fail(wrong);
      at = end;
      continue;
    }
    const tag = readTag(text, at);
    if ('code' in tag) return fail(tag);
    const wrong = addTag(open, tag, at, depthMax);
    if (wrong !== null) return fail(wrong);
    at = tag.end;
  }
  const [root, ...unclosed] = open;
  const last = unclosed.at(-1);
  if (last !== undefined) {
    open.pop();
    return fail({
      code: 'unclosed_tag',
      message: `<${shownName(last.name)}> is never closed`,
      offset: last.offset,
    });
  }
  return { kind: 'nodes', nodes: root?.children ?? [] };
}

function addText(open: readonly XmlElement[], text: string, from: number, to: number): Wrong | null {
  const raw = text.slice(from, to);
  const cdataEnd = raw.indexOf(']]>');
  if (cdataEnd !== -1) {
    return { code: 'malformed', message: 'write ]]&gt; instead of ]]>', offset: from + cdataEnd };
  }
  let decoded = '';
  for (let at = 0; at < raw.length; ) {
    const ampersand = raw.indexOf('&', at);
    if (ampersand === -1) {
      decoded += raw.slice(at);
      break;
    }
    const entity = /^&[a-z]{2,4};/.exec(raw.slice(ampersand, ampersand + 6))?.[0] ?? '';
    const meant = Object.hasOwn(entities, entity) ? entities[entity] : undefined;
    if (meant === undefined) {
      const message = 'only &lt; &gt; &amp; &quot; and &apos; are allowed; write & as &amp;';
      return { code: 'entity', message, offset: from + ampersand };
    }
    decoded += raw.slice(at, ampersand) + meant;
    at = ampersand + entity.length;
  }
  open.at(-1)?.children.push({ kind: 'text', text: decoded, offset: from });
  return null;
}

function addTag(open: XmlElement[], { form, name }: Tag, offset: number, depthMax: number): Wrong | null {
  if (form === 'close') {
    const current = open.length > 1 ? open.at(-1) : undefined;
    if (current?.name !== name) {
      const expected = current === undefined ? 'nothing is open' : `<${shownName(current.name)}> is open`;
      return { code: 'mismatched_tag', message: `</${shownName(name)}> closes nothing: ${expected}`, offset };
    }
    open.pop();
    return null;
  }
  if (open.length > depthMax) {
    return { code: 'too_deep', message: `elements go ${depthMax} deep at most`, offset };
  }
  const element: XmlElement = { kind: 'element', name, offset, children: [] };
  open.at(-1)?.children.push(element);
  if (form === 'open') open.push(element);
  return null;
}

function readTag(text: string, at: number): Tag | Wrong {
  tagPattern.lastIndex = at;
  const match = tagPattern.exec(text);
  const [whole = '', closing, name = '', empty] = match ?? [];
  if (match === null || (closing === '/' && empty === '/')) return wrongTag(text, at);
  return { form: closing === '/' ? 'close' : empty === '/' ? 'empty' : 'open', name, end: at + whole.length };
}

const forbiddenStarts: readonly (readonly [start: string, code: XmlFaultCode, message: string])[] = [
  ['<!--', 'comment', 'comments are not allowed'],
  ['<![CDATA[', 'cdata', 'CDATA is not allowed; write &lt; and &amp;'],
  ['<!', 'declaration', 'DOCTYPE and other declarations are not allowed'],
  ['<?', 'processing_instruction', 'processing instructions are not allowed'],
];

/** Says what the text at `at`, which is no tag, was meant to be. */
function wrongTag(text: string, at: number): Wrong {
  const forbidden = forbiddenStarts.find(([start]) => text.startsWith(start, at));
  if (forbidden !== undefined) return { code: forbidden[1], message: forbidden[2], offset: at };
  tagStart.lastIndex = at;
  const started = tagStart.exec(text);
  const after = at + (started?.[0].length ?? 0);
  const next = text[after];
  if (started !== null && next === ':') {
    return { code: 'namespace', message: 'names have no namespace', offset: after };
  }
  const isAttribute = started?.[2] !== '' && next !== undefined && /[^<>/]/.test(next);
  if (started !== null && isAttribute) {
    return {
      code: 'attribute',
      message: `<${shownName(started[1] ?? '')}> must not have attributes`,
      offset: after,
    };
  }
  return { code: 'malformed', message: 'this is no tag; write < in text as &lt;', offset: at };
}

/** A name of kilobytes must not come back in every line of an answer. */
export function shownName(name: string): string {
  const { xmlNameShownMax } = promptLimits;
  return name.length > xmlNameShownMax ? `${name.slice(0, xmlNameShownMax)}...` : name;
}
