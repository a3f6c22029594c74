/** A DNS server of a test's own, over real UDP: its answers are scripted, and every question is kept. */
import type { RemoteInfo } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import type { ResolveHost } from './resolve-host.ts';
import { createDnsResolver } from './resolve-host.ts';

/** Addresses of either family; `silent` answers nothing at all, `unknown` is NXDOMAIN, `failing` is SERVFAIL. */
export type DnsAnswer = readonly string[] | 'silent' | 'unknown' | 'failing';

export interface DnsUnderTest {
  /** Each as it was asked: `A a.example`. */
  readonly questions: readonly string[];
  /** Asks this server as production asks its own. */
  readonly resolveHost: ResolveHost;
  stop(): void;
}

const types = { A: 1, AAAA: 28 } as const;
const codes = { unknown: 3, failing: 2 } as const;

/**
 * Answers by name, or the nth question of a type with the nth answer, the last one for all that follow. Time to live is 0:
 * whoever asks again is told anew, which is what rebinding lives on.
 */
export async function startDns(
  script: readonly DnsAnswer[] | ((name: string) => DnsAnswer),
): Promise<DnsUnderTest> {
  const questions: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query: Buffer, from: RemoteInfo) => {
    const { name, type } = questionIn(query);
    const before = questions.filter((each) => each.startsWith(`${type} `)).length;
    questions.push(`${type} ${name}`);
    const answer = typeof script === 'function' ? script(name) : script[Math.min(before, script.length - 1)];
    if (answer !== undefined && answer !== 'silent') {
      socket.send(answerTo(query, type, answer), from.port, from.address);
    }
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    questions,
    resolveHost: createDnsResolver([`127.0.0.1:${socket.address().port}`]),
    stop: () => socket.close(),
  };
}

/** The question follows twelve bytes of header: labels, each behind its length, a zero at the end (RFC 1035 4.1). */
function questionIn(query: Buffer): { readonly name: string; readonly type: keyof typeof types } {
  const labels: string[] = [];
  let at = 12;
  for (; query.readUInt8(at) !== 0; at += query.readUInt8(at) + 1) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query.readUInt8(at)));
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1) === types.AAAA ? 'AAAA' : 'A' };
}

function answerTo(query: Buffer, type: keyof typeof types, answer: Exclude<DnsAnswer, 'silent'>): Buffer {
  const addresses =
    typeof answer === 'string' ? [] : answer.filter((each) => isIPv4(each) === (type === 'A'));
  const questionEnd = query.indexOf(0, 12) + 5;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 + (typeof answer === 'string' ? codes[answer] : 0), 2);
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt32BE(0, 8);
  // A pointer to the question's name, the type, class IN, time to live 0, the length and the address.
  const records = addresses.map((address) => {
    const bytes = bytesOf(address);
    return Buffer.from([0xc0, 12, 0, types[type], 0, 1, 0, 0, 0, 0, 0, bytes.length, ...bytes]);
  });
  return Buffer.concat([header, query.subarray(12, questionEnd), ...records]);
}

/** Of IPv6, `::` and what follows it are read: `::1` is what a test has on its machine. */
function bytesOf(address: string): readonly number[] {
  return isIPv4(address)
    ? address.split('.').map(Number)
    : [...Array<number>(15).fill(0), Number(address.replace('::', ''))];
}
