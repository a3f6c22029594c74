/** The corpus of addresses and URLs, and what keeps it honest: every rule has rows, and node's own reader agrees. */
import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { checkAddress } from './address.ts';
import { parseIpAddress } from './ip-address.ts';
import type { EgressRule } from './policy.ts';
import { egressRules, publicHttps } from './policy.ts';
import { checkUrl } from './url.ts';

const rowSchema = z.object({
  kind: z.enum(['url', 'address']),
  text: z.string(),
  verdict: z.string(),
  why: z.string().min(1),
});
const { rows } = z
  .object({ rows: z.array(rowSchema) })
  .parse(JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8')));

/** Rules that no text alone can break. */
const ofRequests: readonly EgressRule[] = ['header'];

describe('the corpus', () => {
  it('has more than three hundred rows, no two alike, public ones among them', () => {
    const texts = new Set(rows.map(({ kind, text }) => `${kind} ${text}`));

    expect(rows.length).toBeGreaterThan(300);
    expect(texts.size).toBe(rows.length);
    expect(rows.filter(({ verdict }) => verdict === 'ok').length).toBeGreaterThan(50);
  });

  it('has a row for every rule, and names no other', () => {
    const rules = Object.keys(egressRules).filter((rule) => !ofRequests.some((each) => each === rule));

    expect([...new Set(rows.map(({ verdict }) => verdict))].sort()).toEqual(['ok', ...rules].sort());
  });

  it('is judged as it says, to the rule', () => {
    const wrong = rows
      .map((row) => ({ ...row, found: verdictOn(row.kind, row.text) }))
      .filter(({ verdict, found }) => found !== verdict);

    expect(wrong).toEqual([]);
  });

  it('is read by node:net as addresses exactly where it is here', () => {
    const differs = rows
      .filter(({ kind, text }) => kind === 'address' && !text.includes('%'))
      .filter(({ text }) => (isIP(text) === 0) !== (parseIpAddress(text) === null));

    expect(differs).toEqual([]);
  });

  it('is kept out by the block list of node:net too, where IPv4 is concerned', () => {
    const list = new BlockList();
    for (const range of ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'])
      add(range);
    for (const range of ['172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24']) add(range);
    for (const range of ['192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24'])
      add(range);
    for (const range of ['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3']) add(range);
    add('168.63.129.16/32');

    const differs = rows
      .filter(({ kind, text }) => kind === 'address' && isIP(text) === 4)
      .filter(({ text, verdict }) => list.check(text) !== (verdict !== 'ok'));

    expect(differs).toEqual([]);

    function add(range: string): void {
      const [first = '', bits] = range.split('/');
      list.addSubnet(first, Number(bits));
    }
  });
});

function verdictOn(kind: 'url' | 'address', text: string): string {
  const checked = kind === 'url' ? checkUrl(text, publicHttps) : checkAddress(text, publicHttps);
  return checked.kind === 'ok' ? 'ok' : checked.rule;
}
