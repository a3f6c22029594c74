/** Names: what is asked, how often, and where the connection goes. Every name server here is real and on this machine. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { OutboundAnswer } from '#core/egress/outbound.ts';
import { type EgressPolicy, publicHttps } from '#core/egress/policy.ts';
import { type DnsUnderTest, startDns } from './dns-under-test.ts';
import { createGuardedOutbound } from './guarded-outbound.ts';
import type { ResolveHost } from './resolve-host.ts';
import { ServersUnderTest } from './servers-under-test.ts';

const ownMachine: EgressPolicy = { schemes: ['https', 'http'], ports: 'any', privateAddresses: 'allowed' };

const servers = new ServersUnderTest();
const nameServers: DnsUnderTest[] = [];
afterEach(async () => {
  for (const each of nameServers.splice(0)) each.stop();
  await servers.stop();
});

async function startNames(script: Parameters<typeof startDns>[0]): Promise<DnsUnderTest> {
  const names = await startDns(script);
  nameServers.push(names);
  return names;
}

function send(
  policy: EgressPolicy,
  resolveHost: ResolveHost,
  url: string,
  timeoutMs = 20_000,
): Promise<OutboundAnswer> {
  const request = { method: 'GET', url, headers: {}, timeoutMs, answerBytesMax: 1_000 } as const;
  return createGuardedOutbound({ policy, resolveHost }).send(request);
}

describe('a name that leads elsewhere from one answer to the next', () => {
  /** Two loopback addresses stand for the public one and the inner one: no test dials out of this machine. */
  it('is asked for once, and the connection goes to what was checked', async () => {
    const checked = await servers.http((_request, response) => response.end('checked'), '127.0.0.1');
    const inner = await servers.http(
      (_request, response) => response.end('inner'),
      '127.0.0.2',
      checked.port,
    );
    const names = await startNames([['127.0.0.1'], ['127.0.0.2']]);

    const answer = await send(ownMachine, names.resolveHost, `http://rebind.example:${checked.port}/`);

    expect(answer.kind === 'answered' && Buffer.from(answer.body).toString()).toBe('checked');
    expect(names.questions).toEqual(['A rebind.example', 'AAAA rebind.example']);
    expect(inner.seen).toEqual([]);
  });

  it('would come to the inner address where it is asked for again: the server of these tests does rebind', async () => {
    const names = await startNames([['93.184.216.34'], ['127.0.0.1']]);

    const { signal } = new AbortController();
    const answers = [
      await names.resolveHost('rebind.example', signal),
      await names.resolveHost('rebind.example', signal),
    ];

    expect(answers).toEqual([['93.184.216.34'], ['127.0.0.1']]);
  });

  it('is refused in the request whose answer is private, and nobody is dialled', async () => {
    const server = await servers.http((_request, response) => response.end('inner'));
    const names = await startNames([['127.0.0.1'], ['169.254.169.254']]);
    const policy = { ...publicHttps, ports: 'any' } as const;

    const first = await send(policy, names.resolveHost, `https://rebind.example:${server.port}/`);
    const second = await send(policy, names.resolveHost, `https://rebind.example:${server.port}/`);

    expect([first, second]).toMatchObject([{ rule: 'address_loopback' }, { rule: 'address_metadata' }]);
    expect(names.questions).toHaveLength(4);
    expect(server.seen).toEqual([]);
  });
});

describe('the addresses of a name', () => {
  const rowSchema = z.object({ kind: z.string(), text: z.string(), verdict: z.string() });
  const { rows } = z
    .object({ rows: z.array(rowSchema) })
    .parse(JSON.parse(readFileSync(new URL('../../core/egress/corpus.json', import.meta.url), 'utf8')));
  const refused = rows.filter(({ kind, verdict }) => kind === 'address' && verdict !== 'ok');

  it('are refused as the corpus says, alone and among public ones', async () => {
    const found = await Promise.all(
      refused.flatMap(({ text }) =>
        [[text], ['8.8.8.8', text], [text, '2606:4700:4700::1111']].map((addresses) =>
          send(publicHttps, async () => addresses, 'https://a.example/'),
        ),
      ),
    );

    const rules = found.map((each) => (each.kind === 'refused' ? each.rule : each.kind));
    expect(rules).toEqual(refused.flatMap(({ verdict }) => [verdict, verdict, verdict]));
    expect(refused.length).toBeGreaterThan(150);
  });

  it('are not asked for where the URL is refused or names an address', async () => {
    const names = await startNames(['silent']);

    const answers = [
      await send(publicHttps, names.resolveHost, 'https://printer.local/'),
      await send(publicHttps, names.resolveHost, 'https://10.0.0.1/'),
    ];

    expect(answers.map(({ kind }) => kind)).toEqual(['refused', 'refused']);
    expect(names.questions).toEqual([]);
  });
});

describe('a name without an address', () => {
  it('is a failure of names', async () => {
    const names = await startNames([[]]);

    const answer = await send(publicHttps, names.resolveHost, 'https://nobody.example/');

    expect(answer).toEqual({ kind: 'failed', reason: 'dns', detail: 'ENODATA' });
  });

  it('whose resolver gives an empty list is a failure of names', async () => {
    const answer = await send(publicHttps, async () => [], 'https://nobody.example/');

    expect(answer).toEqual({ kind: 'failed', reason: 'dns', detail: 'no address' });
  });

  it('and whose servers keep silent ends the exchange at its time', async () => {
    const names = await startNames(['silent']);

    const answer = await send(publicHttps, names.resolveHost, 'https://nobody.example/', 200);

    expect(answer).toMatchObject({ kind: 'failed', reason: 'timeout' });
  });
});

it('a receiver is told at once, however many names of silent servers were asked for before', async () => {
  const receiver = await servers.http((_request, response) => response.end('taken'));
  const names = await startNames((name) => (name === 'good.example' ? ['127.0.0.1'] : 'silent'));
  const ended: string[] = [];
  const ask = async (name: string, timeoutMs: number): Promise<OutboundAnswer> => {
    const answer = await send(ownMachine, names.resolveHost, `http://${name}:${receiver.port}/`, timeoutMs);
    ended.push(name);
    return answer;
  };

  const dead = Array.from({ length: 16 }, (_, nth) => ask(`a${nth}.zone-of-mine.example`, 2_000));
  const answer = await ask('good.example', 20_000);

  expect(answer).toMatchObject({ kind: 'answered', status: 200 });
  expect(ended).toEqual(['good.example']);
  for (const each of await Promise.all(dead)) {
    expect(each).toMatchObject({ kind: 'failed', reason: 'timeout' });
  }
});
