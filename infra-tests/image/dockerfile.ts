/**
 * Reads a Dockerfile as far as ours go: comments, lines that go on after a backslash, flags, and the exec form. What it
 * does not know (here-documents, parser directives) it refuses, so that no rule passes over what it cannot read.
 */

export interface Instruction {
  /** In capitals. */
  readonly name: string;
  /** `--from=node` as `from: node`; a flag without a value is an empty text. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows name and flags, in one line. */
  readonly text: string;
  /** The words of the exec form; null for any other form. */
  readonly exec: readonly string[] | null;
  /** Counted from 1. */
  readonly line: number;
  /** Codes that a comment right above allows: `# hadolint ignore=DL3008,DL3013`. */
  readonly allowed: readonly string[];
}

export interface Stage {
  /** Null for one without a name. */
  readonly name: string | null;
  /** Image, or the name of an earlier stage. */
  readonly base: string;
  /** Without its FROM. */
  readonly instructions: readonly Instruction[];
  readonly line: number;
}

const known = new Set([
  ...['ADD', 'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL'],
  ...['MAINTAINER', 'ONBUILD', 'RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
]);

/** Throws for what it cannot read, with the line. */
export function readDockerfile(source: string): Stage[] {
  const stages: { name: string | null; base: string; instructions: Instruction[]; line: number }[] = [];
  for (const instruction of instructionsOf(source)) {
    if (instruction.name === 'FROM') {
      const match = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(instruction.text);
      if (match === null) throw new Error(`line ${instruction.line}: FROM cannot be read`);
      stages.push({
        name: match[2] ?? null,
        base: match[1] ?? '',
        instructions: [],
        line: instruction.line,
      });
    } else if (stages.length > 0) stages.at(-1)?.instructions.push(instruction);
    else if (instruction.name !== 'ARG') throw new Error(`line ${instruction.line}: stands before FROM`);
  }
  return stages;
}

function instructionsOf(source: string): Instruction[] {
  const found: Instruction[] = [];
  let allowed: string[] = [];
  let begun = '';
  let line = 0;
  for (const [index, raw] of source.split('\n').entries()) {
    const trimmed = raw.trim();
    if (trimmed.startsWith('#')) {
      if (index === 0 && /^#\s*(syntax|escape|check)\s*=/.test(trimmed))
        throw new Error('line 1: parser directives are not read');
      const ignore = /^#\s*hadolint\s+ignore=([\w,]+)$/.exec(trimmed);
      if (begun === '' && ignore !== null) allowed = (ignore[1] ?? '').split(',');
      continue;
    }
    if (trimmed === '') continue;
    if (begun === '') line = index + 1;
    begun += trimmed;
    if (begun.endsWith('\\')) begun = `${begun.slice(0, -1).trimEnd()} `;
    else {
      found.push(instructionOf(begun, line, allowed));
      begun = '';
      allowed = [];
    }
  }
  if (begun !== '') throw new Error(`line ${line}: does not end`);
  return found;
}

function instructionOf(whole: string, line: number, allowed: readonly string[]): Instruction {
  const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(whole) ?? [];
  const name = word.toUpperCase();
  if (!known.has(name)) throw new Error(`line ${line}: there is no instruction ${word}`);
  if (/<<-?["']?\w/.test(rest)) throw new Error(`line ${line}: here-documents are not read`);
  const flags: Record<string, string> = {};
  let text = rest;
  for (let flag = flagIn(text); flag !== null; flag = flagIn(text)) {
    flags[flag.name] = flag.value;
    text = text.slice(flag.length);
  }
  return {
    name,
    flags,
    text,
    exec: execOf(name === 'HEALTHCHECK' ? text.replace(/^CMD\s+/, '') : text),
    line,
    allowed,
  };
}

function flagIn(text: string): { name: string; value: string; length: number } | null {
  const match = /^--([a-z-]+)(?:=(\S*))?\s*/.exec(text);
  return match === null ? null : { name: match[1] ?? '', value: match[2] ?? '', length: match[0].length };
}

function execOf(text: string): readonly string[] | null {
  if (!text.startsWith('[')) return null;
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : null;
  } catch {
    // Docker takes it for the shell form then, and so do the rules.
    return null;
  }
}

/** Sources and target of a COPY or ADD. */
export function copyOf({ text, exec }: Instruction): { sources: readonly string[]; target: string } {
  const words = exec ?? text.split(/\s+/);
  return { sources: words.slice(0, -1), target: words.at(-1) ?? '' };
}

/** Names and values of an ENV or LABEL, quotes taken off. */
export function pairsOf({ text }: Instruction): ReadonlyMap<string, string> {
  const pairs = text.matchAll(/([\w.-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g);
  return new Map([...pairs].map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']));
}
