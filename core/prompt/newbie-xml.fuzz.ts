/** Properties of the XML reader over generated, broken and hostile prompts. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { promptLimits } from '../limits.ts';
import { readNewbieXml } from './newbie-xml.ts';

const strict = { customTags: false };
const custom = { customTags: true };

/** What breaks parsers, more often than letters. */
const piece = fc.constantFrom(
  ...[
    '<',
    '>',
    '/',
    '</',
    '/>',
    '&',
    ';',
    '&lt;',
    '&amp;',
    '&gt;',
    '&#65;',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
  ],
  ...[
    '<!DOCTYPE',
    '<?',
    '?>',
    '"',
    "'",
    '=',
    ':',
    ' ',
    '\n',
    '\r\n',
    '\t',
    '\u0000',
    '\ud800',
    '🗼',
    'é',
    'a',
  ],
  ...[
    '<image>',
    '</image>',
    '<character_1>',
    '</character_1>',
    '<character_2/>',
    '<character_9/>',
    '<n>',
    '</n>',
  ],
  ...[
    '<name>',
    '</name>',
    '<general_tags>',
    '</general_tags>',
    '<count>1girl</count>',
    '<caption>',
    '</caption>',
  ],
  ...['<mood>', '</mood>', '<a b="c">', '<x:y/>', '<__proto__>', '</__proto__>', 'red_eyes, '],
);
const soup = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(''));

const leafText = fc
  .array(
    fc.constantFrom('red_eyes', 'a', '灯台', '🗼', '&amp;', '&lt;', '&gt;', '>', ']]&gt;', ' ', '\n', ', '),
    {
      maxLength: 6,
    },
  )
  .map((words) => words.join(''));

function someOf(names: readonly string[]) {
  return fc
    .shuffledSubarray([...names])
    .chain((chosen) => fc.tuple(...chosen.map((name) => fc.tuple(fc.constant(name), leafText))))
    .map((leaves) => leaves.map(([name, text]) => `<${name}>${text}</${name}>`).join('\n '));
}

const characters = fc
  .array(someOf(['n', 'gender', 'appearance', 'clothing', 'action']), { maxLength: 6 })
  .map((bodies) => bodies.map((body, index) => `<character_${index + 1}>${body}</character_${index + 1} >`))
  .chain((all) => fc.shuffledSubarray(all, { minLength: all.length }));

const validPrompt = fc
  .tuple(characters, someOf(['count', 'style', 'quality']), leafText, fc.boolean())
  .map(([described, general, caption, isWrapped]) => {
    const inner = `${described.join('')}<general_tags>${general}</general_tags><caption>x${caption}</caption>`;
    return isWrapped ? `<image>${inner}</image>\n` : inner;
  });

function lineOf(text: string, line: number): string | undefined {
  return text.split(/\r\n|\n|\r/)[line - 1];
}

/** Every fault points at a character that is there; of an empty line, at its end. */
function expectInside(prompt: string, details: readonly { line?: number; column?: number }[]): void {
  expect(details.length).toBeGreaterThan(0);
  for (const { line, column } of details) {
    const length = [...(lineOf(prompt, line ?? 0) ?? '')].length;
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual(Math.max(1, length));
  }
}

describe('the reader of NewBie XML', () => {
  it('reads every prompt that follows the rules, to a canonical form that is its own canonical form', () => {
    fc.assert(
      fc.property(validPrompt, (prompt) => {
        const read = readNewbieXml(prompt, strict);
        if (read.kind === 'invalid') throw new Error(JSON.stringify(read.details));
        expect(readNewbieXml(read.canonical, strict)).toEqual(read);
      }),
      budget(500),
    );
  });

  it('never throws, points inside the text, and what passes is a fixed point', () => {
    fc.assert(
      fc.property(soup, fc.constantFrom(strict, custom), (text, options) => {
        const prompt = `<${text}`;
        const read = readNewbieXml(prompt, options);
        if (read.kind === 'invalid') expectInside(prompt, read.details);
        else expect(readNewbieXml(read.canonical, options)).toEqual(read);
      }),
      budget(3_000),
    );
  });

  it('survives a valid prompt with anything put anywhere', () => {
    fc.assert(
      fc.property(validPrompt, fc.nat(), piece, (prompt, at, inserted) => {
        const place = at % (prompt.length + 1);
        const broken = prompt.slice(0, place) + inserted + prompt.slice(place);
        const read = readNewbieXml(broken, strict);
        if (read.kind === 'invalid') expectInside(broken, read.details);
        else expect(readNewbieXml(read.canonical, strict)).toEqual(read);
      }),
      budget(2_000),
    );
  });

  // A reader that goes over the text again for every tag would take hours for this; the timeout of a test is its bound.
  it('ends soon on eight kilobytes of anything hostile, a hundred times over', () => {
    const unit = fc.constantFrom(
      ...[
        '<',
        '<a',
        '<a>',
        '<a/>',
        '</a>',
        '<a ',
        '<a b',
        '&',
        '&amp',
        '&amp;',
        '<!--',
        '<![CDATA[',
        '<?',
        '>',
      ],
      ...['<caption>', '<caption/>', '<character_1>', '<character_1/>', '<n>a</n>', ']]', ' ', '\n', '<a:'],
    );
    fc.assert(
      fc.property(unit, unit, fc.boolean(), (first, second, isInCaption) => {
        const filled = (first + second).repeat(promptLimits.xmlBytesMax);
        const text = (isInCaption ? `<caption>${filled}` : filled).slice(0, promptLimits.xmlBytesMax);
        const read = readNewbieXml(text, custom);
        if (read.kind === 'invalid') expectInside(text, read.details);
      }),
      budget(100),
    );
  });
});
