/** Names to addresses. Asked once for each request: what the guard checks is what is connected to. */
import { lookup } from 'node:dns/promises';

/** Every IPv4 and IPv6 address of the name, without zones; rejects with a `code` of node:dns where there is none. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

/** As the machine resolves: its hosts file, then its DNS servers. */
export const resolveAsMachine: ResolveHost = async (hostname) =>
  (await lookup(hostname, { all: true, order: 'verbatim' })).map(({ address }) => address);
