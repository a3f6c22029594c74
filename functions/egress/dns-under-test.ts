/** A DNS server of a test's own, over real UDP: its answers are scripted, and every question is kept. */
import type { RemoteInfo } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import type { ResolveHost } from './resolve-host.ts';

export interface DnsUnderTest {
  readonly questions: readonly string[];
  /** Asks this server for IPv4 addresses, one question a call, and remembers nothing. */
  readonly resolveHost: ResolveHost;
  stop(): void;
}

/**
 * Answers the nth question with the nth list of IPv4 addresses, the last one for all that follow; `silent` answers
 * nothing at all. Time to live is 0: whoever asks again is told anew, which is what rebinding lives on.
 */
export async function startDns(script: readonly (readonly string[] | 'silent')[]): Promise<DnsUnderTest> {
  const questions: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query: Buffer, from: RemoteInfo) => {
    const answers = script[Math.min(questions.length, script.length - 1)] ?? 'silent';
    questions.push(nameIn(query));
    if (answers !== 'silent') socket.send(answerTo(query, answers), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');

  const resolver = new Resolver({ tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return {
    questions,
    resolveHost: (hostname) => resolver.resolve4(hostname),
    stop: () => {
      resolver.cancel();
      socket.close();
    },
  };
}

/** The question follows twelve bytes of header: labels, each behind its length, a zero at the end (RFC 1035 4.1). */
function nameIn(query: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; query.readUInt8(at) !== 0; at += query.readUInt8(at) + 1) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query.readUInt8(at)));
  }
  return labels.join('.');
}

function answerTo(query: Buffer, addresses: readonly string[]): Buffer {
  const questionEnd = query.indexOf(0, 12) + 5;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt32BE(0, 8);
  // A pointer to the question's name, type A, class IN, time to live 0, four bytes.
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  );
  return Buffer.concat([header, query.subarray(12, questionEnd), ...records]);
}
