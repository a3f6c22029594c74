import { describe, expect, it } from 'vitest';
import { promptLimits } from '../limits.ts';
import { isNewbieXml, readNewbieXml } from './newbie-xml.ts';

const strict = { customTags: false };

const full = `<image>
  <character_1> <name>$character_1$</name> <gender>1girl</gender>
    <appearance>red_eyes,   blue_hair</appearance> <body_type/> <clothing></clothing> </character_1>
  <character_2><n>rei</n><expression>&gt;_&lt;</expression></character_2>
  <general_tags><count>2girls</count><artists/><other>panty_&amp;_stocking, \\(solo\\)</other></general_tags>
  <caption>Two girls
    say "hello".</caption>
</image>
`;

function faultsOf(prompt: string, options = strict) {
  const read = readNewbieXml(prompt, options);
  return read.kind === 'invalid' ? read.details : [];
}

function canonicalOf(prompt: string, options = strict): string | null {
  const read = readNewbieXml(prompt, options);
  return read.kind === 'valid' ? read.canonical : null;
}

describe('a prompt that is valid', () => {
  it('is written anew: no wrapper, a line an element, <n> for <name>, single spaces, no empty elements', () => {
    expect(canonicalOf(full)).toBe(
      [
        '<character_1>',
        '<n>$character_1$</n>',
        '<gender>1girl</gender>',
        '<appearance>red_eyes, blue_hair</appearance>',
        '</character_1>',
        '<character_2>',
        '<n>rei</n>',
        '<expression>>_&lt;</expression>',
        '</character_2>',
        '<general_tags>',
        '<count>2girls</count>',
        '<other>panty_&amp;_stocking, \\(solo\\)</other>',
        '</general_tags>',
        '<caption>Two girls say "hello".</caption>',
      ].join('\n'),
    );
  });

  it('gives its text without tags and entities, for the policy', () => {
    expect(readNewbieXml(full, strict)).toMatchObject({
      text: [
        '$character_1$',
        '1girl',
        'red_eyes, blue_hair',
        'rei',
        '>_<',
        '2girls',
        'panty_&_stocking, \\(solo\\)',
        'Two girls say "hello".',
      ].join('\n'),
    });
  });

  it('keeps the order of the elements, and a character of whom nothing is said', () => {
    const prompt = '<caption>b</caption><character_2/><character_1><n>a</n></character_1>';

    expect(canonicalOf(prompt)).toBe(
      '<caption>b</caption>\n<character_2></character_2>\n<character_1>\n<n>a</n>\n</character_1>',
    );
  });

  it('may have six characters', () => {
    const six = [1, 2, 3, 4, 5, 6].map((number) => `<character_${number}><n>a</n></character_${number}>`);

    expect(canonicalOf(six.join(''))).not.toBeNull();
  });

  it('may hold any character of any script, and the mark that ends CDATA as an entity', () => {
    expect(canonicalOf('<caption>灯台 🗼 é ]]&gt; </caption>')).toBe('<caption>灯台 🗼 é ]]&gt;</caption>');
  });

  it('may have tags of its own where they are let in, with text or with elements', () => {
    const prompt = '<mood>calm</mood><scene_1><sky.colour>red</sky.colour><empty/></scene_1>';

    expect(canonicalOf(prompt, { customTags: true })).toBe(
      '<mood>calm</mood>\n<scene_1>\n<sky.colour>red</sky.colour>\n</scene_1>',
    );
    expect(faultsOf(prompt).map(({ code }) => code)).toEqual(['unknown_tag', 'unknown_tag']);
  });
});

describe('a prompt that is refused', () => {
  it.each([
    ['<!DOCTYPE x><caption>a</caption>', 'declaration', 1, 1],
    ['<!ENTITY a "b">', 'declaration', 1, 1],
    ['<?xml version="1.0"?><caption>a</caption>', 'processing_instruction', 1, 1],
    ['<caption><![CDATA[a]]></caption>', 'cdata', 1, 10],
    ['<caption>a</caption>\n<!-- b -->', 'comment', 2, 1],
    ['<caption>a &nbsp; b</caption>', 'entity', 1, 12],
    ['<caption>&#65;</caption>', 'entity', 1, 10],
    ['<caption>&#x41;</caption>', 'entity', 1, 10],
    ['<caption>salt & pepper</caption>', 'entity', 1, 15],
    ['<caption>&constructor;</caption>', 'entity', 1, 10],
    ['<caption lang="en">a</caption>', 'attribute', 1, 10],
    ['<caption lang>a</caption>', 'attribute', 1, 10],
    ['<x:caption>a</x:caption>', 'namespace', 1, 3],
    ['<caption>a\u0000</caption>', 'control_character', 1, 11],
    ['<caption>a\u0085</caption>', 'control_character', 1, 11],
    ['<caption>a\ud800</caption>', 'control_character', 1, 11],
    ['<caption>a', 'unclosed_tag', 1, 1],
    ['<caption>a</captio', 'malformed', 1, 11],
    ['<caption>a</caption', 'malformed', 1, 11],
    ['<', 'malformed', 1, 1],
    ['< caption>a</caption>', 'malformed', 1, 1],
    ['<1>a</1>', 'malformed', 1, 1],
    ['</caption/>', 'malformed', 1, 1],
    ['<caption>a < b</caption>', 'malformed', 1, 12],
    ['<caption>a]]></caption>', 'malformed', 1, 11],
    ['<caption>a</Caption>', 'mismatched_tag', 1, 11],
    ['</caption>', 'mismatched_tag', 1, 1],
    ['<caption>a</caption></caption>', 'mismatched_tag', 1, 21],
    ['<image><character_1><n><b>x</b></n></character_1></image>', 'too_deep', 1, 24],
    ['<caption>a<b>c</b></caption>', 'unknown_tag', 1, 11],
    ['<mood>calm</mood>', 'unknown_tag', 1, 1],
    ['<n>a</n>', 'unknown_tag', 1, 1],
    ['<character_1><count>1girl</count></character_1>', 'unknown_tag', 1, 14],
    ['<general_tags><n>a</n></general_tags>', 'unknown_tag', 1, 15],
    ['<general_tags><name>a</name></general_tags>', 'unknown_tag', 1, 15],
    ['<image><caption>a</caption></image><caption>b</caption>', 'unknown_tag', 1, 1],
    ['<caption>a</caption> and more', 'misplaced_text', 1, 22],
    ['<character_1> red_eyes</character_1>', 'misplaced_text', 1, 15],
    ['<character_2><n>a</n></character_2>', 'character_number', 1, 1],
    ['<character_0><n>a</n></character_0>', 'character_number', 1, 1],
    ['<character_01><n>a</n></character_01>', 'character_number', 1, 1],
    ['<character_7><n>a</n></character_7>', 'character_number', 1, 1],
    ['<character_x><n>a</n></character_x>', 'character_number', 1, 1],
    ['<character_1><n>a</n></character_1><character_1/>', 'duplicate_tag', 1, 36],
    ['<caption>a</caption><caption>b</caption>', 'duplicate_tag', 1, 21],
    ['<general_tags/><general_tags><style>a</style></general_tags>', 'duplicate_tag', 1, 16],
    ['<character_1><n>a</n><name>b</name></character_1>', 'duplicate_tag', 1, 22],
    ['<caption> \n </caption>', 'empty', 1, 1],
    ['<image/>', 'empty', 1, 1],
    [`<caption>${'a'.repeat(8 * 1024)}</caption>`, 'too_large', 1, 1],
    [`<caption>${'é'.repeat(4 * 1024)}</caption>`, 'too_large', 1, 1],
  ])('names what is at fault and where: %j', (prompt, code, line, column) => {
    expect(faultsOf(prompt)[0]).toMatchObject({ code, line, column });
  });

  it('counts lines whatever ends them, and columns in characters', () => {
    expect(faultsOf('<caption>🗼\r\n🗼\r🗼\n🗼🗼&x;</caption>')[0]).toMatchObject({ line: 4, column: 3 });
  });

  it('names the elements around the fault in the path', () => {
    const prompt = '<image><character_1><n>a</n><mood>b</mood></character_1></image>';

    expect(faultsOf(prompt)[0]).toMatchObject({ path: 'input.prompt.image.character_1.mood' });
  });

  it('tells every fault of its structure at once, in the order of the text, up to a bound', () => {
    const prompt = '<mood>a</mood> b <caption>c</caption><caption>d</caption>';
    const many = '<mood>a</mood>'.repeat(500);

    expect(faultsOf(prompt).map(({ code }) => code)).toEqual([
      'unknown_tag',
      'misplaced_text',
      'duplicate_tag',
    ]);
    expect(faultsOf(many)).toHaveLength(promptLimits.xmlFaultsMax);
  });

  it('does not repeat a long name in full', () => {
    const name = 'x'.repeat(4_000);

    expect(JSON.stringify(faultsOf(`<${name}>a</${name}>`)).length).toBeLessThan(400);
    expect(JSON.stringify(faultsOf(`<caption><${name} a>`)).length).toBeLessThan(400);
    expect(JSON.stringify(faultsOf(`<${name}>a</b>`)).length).toBeLessThan(400);
  });

  it.each(['constructor', '__proto__', 'toString', 'character'])(
    'knows no tag %s, and no tag in it',
    (name) => {
      expect(faultsOf(`<${name}><n>a</n></${name}>`)[0]).toMatchObject({ code: 'unknown_tag' });
      expect(faultsOf(`<${name}><n>a</n></${name}>`, { customTags: true })[0]).toMatchObject({
        code: 'unknown_tag',
      });
    },
  );

  it('counts the bytes of the canonical form too, which has line breaks that the prompt had not', () => {
    const tags = (count: number) =>
      Array.from({ length: count }, (_, index) => `<t${1000 + index}>b</t${1000 + index}>`).join('');
    const custom = { customTags: true };

    expect(canonicalOf(tags(480), custom)?.length).toBe(480 * 17 - 1);
    expect(tags(500).length).toBeLessThan(promptLimits.xmlBytesMax);
    expect(faultsOf(tags(500), custom)[0]).toMatchObject({ code: 'too_large' });
  });
});

describe('the number of people', () => {
  it.each([
    ['2girls', 2, false],
    ['1girl, 1boy', 2, false],
    ['1girl', 2, true],
    ['3girls', 2, true],
    ['6+girls', 2, true],
    ['2+girls', 3, false],
    ['multiple girls', 2, false],
    ['multiple_girls', 1, true],
    ['no_humans', 1, true],
    ['solo', 2, false],
    ['1girl', 0, false],
  ])('%j beside %i characters differs: %s', (count, characters, differs) => {
    const described = Array.from({ length: characters }, (_, index) => `<character_${index + 1}/>`).join('');

    const read = readNewbieXml(`${described}<general_tags><count>${count}</count></general_tags>`, strict);

    expect(read).toMatchObject({ kind: 'valid', countDiffers: differs });
  });
});

describe('which prompts are XML', () => {
  it.each([
    ['<caption>a</caption>', true],
    ['\n  <caption>', true],
    ['1girl, solo', false],
    ['a girl with a > and a < sign', false],
    ['', false],
  ])('%j: %s', (prompt, isXml) => {
    expect(isNewbieXml(prompt)).toBe(isXml);
  });
});
