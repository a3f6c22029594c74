/** The text behind `--help`. */
import { exitCodeTexts } from './cli-error.ts';
import type { Command, OptionTable } from './command.ts';
import { globalOptions } from './command.ts';
import type { CommandEntry } from './command-table.ts';

export function programHelp(entries: readonly CommandEntry[]): string {
  return sections([
    ['Usage', ['pilotlight COMMAND [OPTIONS]']],
    ['Commands', twoColumns(entries.map(({ name, summary }) => [name, summary]))],
    ['Options of every command', optionLines(globalOptions)],
    ['Where the API is', credentialsText],
    [
      'Examples',
      [
        'pilotlight generate "a red ring above a blue square" -o out.png',
        'pilotlight jobs list --status failed',
        'pilotlight COMMAND --help',
      ],
    ],
    ['Exit codes', exitCodeLines()],
  ]);
}

export function commandHelp(command: Command): string {
  const own = optionLines(command.options);
  return sections([
    ['Usage', [['pilotlight', command.name, ...command.takes, '[OPTIONS]'].join(' ')]],
    ['', [command.summary]],
    ...(own.length === 0 ? [] : [['Options', own] as const]),
    ['Options of every command', optionLines(globalsBeside(command.options))],
    ['Examples', command.examples],
    ['Exit codes', exitCodeLines()],
  ]);
}

/** Without those that the command gives a meaning of its own. */
function globalsBeside(own: OptionTable): OptionTable {
  return Object.fromEntries(Object.entries(globalOptions).filter(([name]) => !(name in own)));
}

const credentialsText = [
  'From --url and --key, else PILOTLIGHT_URL and PILOTLIGHT_API_KEY, else',
  '.pilotlight/credentials.json in this folder or above it (npm start writes it).',
];

function sections(parts: readonly (readonly [string, readonly string[]])[]): string {
  return parts
    .map(([title, lines]) =>
      title === '' ? lines.join('\n') : [`${title}:`, ...lines.map(indent)].join('\n'),
    )
    .join('\n\n');
}

function optionLines(options: OptionTable): string[] {
  return twoColumns(
    Object.entries(options).map(([name, { short, value, help }]) => {
      const flag = `--${name}${value === undefined ? '' : ` ${value}`}`;
      return [short === undefined ? `    ${flag}` : `-${short}, ${flag}`, help];
    }),
  );
}

function exitCodeLines(): string[] {
  return twoColumns(exitCodeTexts.map(([code, text]) => [String(code), text]));
}

function twoColumns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`);
}

function indent(text: string): string {
  return `  ${text}`;
}
