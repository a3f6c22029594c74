import { describe, expect, it } from 'vitest';
import { durationSeconds, oneOf, pairs, wholeNumber } from './command.ts';
import { commandTable } from './command-table.ts';
import { inputOf } from './commands/generate.ts';
import { commandHelp, programHelp } from './help.ts';
import { splitCommand } from './main.ts';
import { numberedPaths } from './output-files.ts';

describe('the command', () => {
  it('is found wherever global options stand', () => {
    expect(splitCommand(['--url', 'http://x', 'jobs', '--json', 'list', '--limit', '3'])).toEqual({
      words: ['jobs', 'list'],
      rest: ['--url', 'http://x', '--json', '--limit', '3'],
    });
    expect(splitCommand(['generate', 'a ring', '--n', '2'])).toEqual({
      words: ['generate'],
      rest: ['a ring', '--n', '2'],
    });
    expect(splitCommand(['--help'])).toEqual({ words: [], rest: ['--help'] });
  });
});

describe('help', () => {
  it.each(commandTable)(
    'of $name has its summary, examples and exit codes',
    async ({ name, summary, load }) => {
      const { command } = await load();

      expect({ name: command.name, summary: command.summary }).toEqual({ name, summary });
      expect(command.examples.length).toBeGreaterThan(0);
      for (const example of command.examples) expect(example).toMatch(new RegExp(`^pilotlight ${name}`));
      expect(commandHelp(command)).toContain('Exit codes:\n  0    done');
    },
  );

  it('of a command has examples that parse', async () => {
    for (const { load } of commandTable) {
      const { command } = await load();
      for (const example of command.examples) {
        const words = [...example.matchAll(/"([^"]*)"|(\S+)/g)].map(
          ([, quoted, bare]) => quoted ?? bare ?? '',
        );
        expect(() => command.parse(splitCommand(words.slice(1)).rest)).not.toThrow();
      }
    }
  });

  it('fits a terminal of 100 columns', async () => {
    const texts = await Promise.all(
      commandTable.map(async ({ load }) => commandHelp((await load()).command)),
    );
    const lines = [programHelp(commandTable), ...texts].flatMap((text) => text.split('\n'));

    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  });
});

describe('values', () => {
  it('of numbers are whole', () => {
    expect(wholeNumber('size', '256')).toBe(256);
    expect(wholeNumber('seed', '-1')).toBe(-1);
    for (const text of ['', ' ', '1.5', 'abc', '1e99', 'Infinity']) {
      expect(() => wholeNumber('size', text)).toThrow(`--size takes a whole number, not "${text}"`);
    }
  });

  it('of durations have a unit', () => {
    const texts = ['0', '90', '90s', '30m', '24h', '7d'];
    const seconds = [0, 90, 90, 1_800, 86_400, 604_800];
    expect(texts.map((text) => durationSeconds('overlap', text))).toEqual(seconds);
    for (const text of ['', '-1h', '1.5h', '1w', 'h', '1 h']) {
      expect(() => durationSeconds('overlap', text)).toThrow(`--overlap takes a duration such as 90s`);
    }
  });

  it('of pairs are split at the first equal sign', () => {
    expect(pairs('meta', ['a=b=c', 'd='])).toEqual({ a: 'b=c', d: '' });
    expect(() => pairs('meta', ['=b'])).toThrow('--meta takes KEY=VALUE');
  });

  it('of choices are one of them', () => {
    expect(oneOf('class', ['batch'], 'batch')).toBe('batch');
    expect(() => oneOf('class', ['interactive', 'batch'], 'fast')).toThrow(
      '--class is one of interactive, batch, not "fast"',
    );
  });
});

describe('the input of a generation', () => {
  it('has what was said and nothing else, so that the model fills in its own defaults', () => {
    const none = { size: undefined, steps: undefined, seed: undefined, n: undefined, strength: undefined };

    expect(inputOf('a ring', { ...none, set: [] })).toEqual({ prompt: 'a ring' });
    expect(inputOf('a ring', { ...none, seed: '7', set: ['guidance=3.5', 'negative=blue'] })).toEqual({
      prompt: 'a ring',
      seed: 7,
      guidance: 3.5,
      negative: 'blue',
    });
    expect(inputOf('a ring', { ...none, strength: '0.6', set: [] })).toMatchObject({ strength: 0.6 });
    expect(() => inputOf('a ring', { ...none, strength: 'much', set: [] })).toThrow(
      '--strength takes a number',
    );
  });
});

describe('file names', () => {
  it('are numbered before the extension when there are several', () => {
    expect(numberedPaths('out.png', 1)).toEqual(['out.png']);
    expect(numberedPaths('a.b/out', 2)).toEqual(['a.b/out-0', 'a.b/out-1']);
    expect(numberedPaths('x/out.png', 2)).toEqual(['x/out-0.png', 'x/out-1.png']);
  });
});
