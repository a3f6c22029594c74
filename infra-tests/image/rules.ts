/**
 * The rules of hadolint that apply to our Dockerfiles, by its codes, and some of our own (PL). Each looks at one stage
 * of a file, or at the file as a whole, and says what is wrong, with the line.
 * Codes and meanings: https://github.com/hadolint/hadolint#rules
 */
import type { Instruction, Stage } from './dockerfile.ts';
import { pairsOf } from './dockerfile.ts';

export interface Finding {
  readonly code: string;
  readonly line: number;
}

type Rule = (stages: readonly Stage[]) => readonly number[];

/** Codes by what they ask for. */
const rules: Readonly<Record<string, Rule>> = {
  // Workdirs are absolute.
  DL3000: each('WORKDIR', ({ text }) => !/^["']?\//.test(text)),
  // The user that a shipped image ends with is not root.
  DL3002: (stages) =>
    shipped(stages).flatMap((stage) => (isRoot(lastUser(stage, stages)) ? [stage.line] : [])),
  // No sudo.
  DL3004: run((command) => /(^|[;&|]\s*)sudo\s/.test(command)),
  // Images carry a tag.
  DL3006: from(
    (stages_) =>
      ({ base }) =>
        !isStage(base, stages_) && !/[:@]/.test(base.split('/').at(-1) ?? ''),
  ),
  // Which is not `latest`.
  DL3007: from(
    () =>
      ({ base }) =>
        /:latest(@|$)/.test(base),
  ),
  // Packages of Debian carry a version.
  DL3008: run((command) =>
    packagesOf(command, /\bapt-get\s+(?:-\S+\s+)*install\b/).some((name) => !name.includes('=')),
  ),
  // Lists of packages go in the layer that fetched them.
  DL3009: run(
    (command) => /\bapt-get\b.*\bupdate\b/.test(command) && !command.includes('/var/lib/apt/lists'),
  ),
  // Packages of Python carry a version, or come from a file.
  DL3013: run((command) => packagesOf(command, /\bpip3?\s+install\b/).some((name) => !isPinnedPython(name))),
  // apt asks nothing.
  DL3014: run(
    (command) => /\bapt-get\b[^&;|]*\binstall\b/.test(command) && !/\s(-y|--yes|-qq)\b/.test(command),
  ),
  // And brings no recommended packages.
  DL3015: run(
    (command) =>
      /\bapt-get\b[^&;|]*\binstall\b/.test(command) && !command.includes('--no-install-recommends'),
  ),
  // Packages of npm carry a version; `npm ci` takes them from the lock file.
  DL3016: run((command) => /\bnpm\s+(install|i)\b/.test(command)),
  // COPY for files and folders.
  DL3020: each('ADD', () => true),
  // Copied from a stage that is there, and stands above.
  DL3022: (stages) =>
    stages.flatMap((stage, index) =>
      stage.instructions
        .filter(({ name, flags: { from } }) => name === 'COPY' && from !== undefined)
        .filter(({ flags: { from } }) => !stages.slice(0, index).some(({ name }) => name === from))
        .map(({ line }) => line),
    ),
  // Stages have names of their own.
  DL3024: (stages) =>
    stages.flatMap(({ name, line }, index) =>
      name !== null && stages.slice(0, index).some((earlier) => earlier.name === name) ? [line] : [],
    ),
  // Programs are started as they are, so that signals reach them.
  DL3025: (stages) => [
    ...each('CMD', ({ exec }) => exec === null)(stages),
    ...each('ENTRYPOINT', ({ exec }) => exec === null)(stages),
  ],
  // apt-get in scripts, apt for people.
  DL3027: run((command) => /(^|[;&|]\s*)apt\s/.test(command)),
  // pip keeps no cache in the layer.
  DL3042: run((command) => /\bpip3?\s+install\b/.test(command) && !command.includes('--no-cache-dir')),
  // High user ids come without a log of logins, which is as long as the id.
  DL3046: run(
    (command) =>
      /\buseradd\b/.test(command) && /--uid\s+\d{6,}/.test(command) && !/--no-log-init|\s-l\b/.test(command),
  ),
  // Labels have keys of the form that OCI asks for.
  DL3048: each('LABEL', (instruction) =>
    [...pairsOf(instruction).keys()].some((key) => !/^[a-z][a-z0-9.-]*[a-z0-9]$/.test(key)),
  ),
  // A layer for what belongs together.
  DL3059: (stages) =>
    stages.flatMap(({ instructions }) =>
      instructions
        .filter(({ name }, index) => name === 'RUN' && instructions[index - 1]?.name === 'RUN')
        .map(({ line }) => line),
    ),
  // The author stands in a label.
  DL4000: each('MAINTAINER', () => true),
  // One of each, as only the last counts.
  DL4003: (stages) => stages.flatMap((stage) => repeated(stage, 'CMD')),
  DL4004: (stages) => stages.flatMap((stage) => repeated(stage, 'ENTRYPOINT')),
  // A pipe fails with any part of it.
  DL4006: (stages) =>
    stages.flatMap(({ instructions }) =>
      instructions
        .filter(({ name, text, exec }) => name === 'RUN' && exec === null && /[^|]\|[^|]/.test(text))
        .filter(
          ({ line }) =>
            !instructions.some(
              (other) => other.name === 'SHELL' && other.line < line && other.text.includes('pipefail'),
            ),
        )
        .map(({ line }) => line),
    ),
  // Bases by digest, so that the same file makes the same image.
  PL1: from(
    (stages) =>
      ({ base }) =>
        !isStage(base, stages) && !/:[^@]+@sha256:[0-9a-f]{64}$/.test(base),
  ),
  // A numbered user: orchestrators check for root by number.
  PL2: (stages) =>
    shipped(stages).flatMap((stage) =>
      /^[1-9]\d*:[1-9]\d*$/.test(lastUser(stage, stages) ?? '') ? [] : [stage.line],
    ),
  // A shipped image says how it is asked whether it is well, and stopped.
  PL3: (stages) =>
    shipped(stages).flatMap((stage) =>
      ['HEALTHCHECK', 'STOPSIGNAL', 'ENTRYPOINT'].every((name) => last(stage, name) !== undefined)
        ? []
        : [stage.line],
    ),
  // Whole contexts drag in what nobody named.
  PL4: each('COPY', ({ text, flags: { from } }) => from === undefined && /^\.\/?\s/.test(text)),
};

export const ruleCodes: readonly string[] = Object.keys(rules);

/** What breaks a rule, without what a comment right above allows. */
export function findingsIn(stages: readonly Stage[]): Finding[] {
  const allowed = new Map(
    stages.flatMap(({ instructions }) => instructions.map((each) => [each.line, each.allowed])),
  );
  return Object.entries(rules)
    .flatMap(([code, rule]) => rule(stages).map((line) => ({ code, line })))
    .filter(({ code, line }) => !(allowed.get(line) ?? []).includes(code));
}

/** Stages that nobody builds on and nobody copies from. */
export function shipped(stages: readonly Stage[]): Stage[] {
  const used = stages.flatMap(({ base, instructions }) => [
    base,
    ...instructions.flatMap(({ flags }) => flags.from ?? []),
  ]);
  return stages.filter(({ name }) => name === null || !used.includes(name));
}

export function last(stage: Stage, name: string): Instruction | undefined {
  return stage.instructions.findLast((instruction) => instruction.name === name);
}

function lastUser(stage: Stage, stages: readonly Stage[]): string | undefined {
  const own = last(stage, 'USER')?.text;
  if (own !== undefined) return own;
  const base = stages.find(({ name }) => name === stage.base);
  return base === undefined ? undefined : lastUser(base, stages);
}

function isRoot(user: string | undefined): boolean {
  return user === undefined || /^(root|0)(:|$)/.test(user);
}

function isStage(base: string, stages: readonly Stage[]): boolean {
  return base === 'scratch' || stages.some(({ name }) => name === base);
}

function each(name: string, isWrong: (instruction: Instruction) => boolean): Rule {
  return (stages) =>
    stages.flatMap(({ instructions }) =>
      instructions
        .filter((instruction) => instruction.name === name && isWrong(instruction))
        .map(({ line }) => line),
    );
}

/** A rule about what a RUN in the shell form does. */
function run(isWrong: (command: string) => boolean): Rule {
  return each('RUN', ({ text, exec }) => isWrong(exec === null ? text : exec.join(' ')));
}

function from(ruleFor: (stages: readonly Stage[]) => (stage: Stage) => boolean): Rule {
  return (stages) => stages.filter(ruleFor(stages)).map(({ line }) => line);
}

function repeated(stage: Stage, name: string): number[] {
  return stage.instructions
    .filter((instruction) => instruction.name === name)
    .slice(1)
    .map(({ line }) => line);
}

/** Options of pip and apt that take a value as a word of its own. */
const valued = new Set([
  '--index-url',
  '-i',
  '--only-binary',
  '--requirement',
  '-r',
  '--constraint',
  '-c',
  '-t',
  '-o',
]);

/** Words after an installer that name packages. */
function packagesOf(command: string, installer: RegExp): string[] {
  return command.split(/&&|\|\||[;|]/).flatMap((part) => {
    const match = installer.exec(part);
    if (match === null) return [];
    const words = part.slice(match.index + match[0].length).match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
    return words.filter((word, index) => !word.startsWith('-') && !valued.has(words[index - 1] ?? ''));
  });
}

/** By a version, or by the line of a file that holds one (`"$(grep -E '^torch==' requirements.txt)"`). */
function isPinnedPython(name: string): boolean {
  return name.includes('==') || /\.(whl|txt)$/.test(name);
}
