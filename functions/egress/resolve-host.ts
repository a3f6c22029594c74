/**
 * Names to addresses. Asked once for each request: what the guard checks is what is connected to. Node's own `lookup` takes
 * a thread, of which a process has two or so for it, and keeps it for as long as a name's servers are silent: two such
 * names of one tenant would hold up everybody's. So name servers are asked directly, over sockets that can be closed.
 */
import { lookup, NODATA, Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { egressLimits } from '#core/limits.ts';

/**
 * Every IPv4 and IPv6 address of the name, without zones; rejects with a `code` of node:dns where there is none. At the
 * deadline the question is cancelled, and nothing of it is left.
 */
export type ResolveHost = (hostname: string, deadline: AbortSignal) => Promise<readonly string[]>;

/** Asks name servers, by default those of /etc/resolv.conf. A name that is not in DNS, such as `localhost`, has no address. */
export function createDnsResolver(servers?: readonly string[]): ResolveHost {
  return async (hostname, deadline) => {
    deadline.throwIfAborted();
    // One for each name: `cancel` ends all that a resolver asks, and a new one knows the servers of the network of now.
    const resolver = new Resolver({ timeout: egressLimits.questionMs, tries: egressLimits.questionsMax });
    if (servers !== undefined) resolver.setServers(servers);
    const cancel = (): void => resolver.cancel();
    deadline.addEventListener('abort', cancel, { once: true });
    try {
      // IPv4 first: a machine without IPv6 should not begin with what it cannot reach.
      return addressesOf(
        await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]),
      );
    } finally {
      deadline.removeEventListener('abort', cancel);
    }
  };
}

/** One family is enough. Of two failures, that there is no such record says less than any other. */
function addressesOf(families: readonly PromiseSettledResult<readonly string[]>[]): readonly string[] {
  const addresses = families.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const failures = families.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  if (addresses.length > 0 || failures.length === 0) return addresses;
  throw failures.find(({ code }) => code !== NODATA) ?? failures[0];
}

/**
 * Names that no name server of a tenant's answers for, because they end within the machine or its network: without a dot
 * (search domains), `localhost` (RFC 6761), `local` (mDNS, RFC 6762). They may have a thread, which nobody can cancel.
 */
const machinesOwn = /^[^.]+$|\.(localhost|local)$/;

/**
 * As a person's own machine resolves: what its hosts file says, what it alone knows, else its name servers.
 * @default hostsFile /etc/hosts
 */
export function createMachineResolver(byDns: ResolveHost, hostsFile = '/etc/hosts'): ResolveHost {
  return async (hostname, deadline) => {
    // A system that has none, as Windows has none there, goes by its servers.
    const hosts = await readFile(hostsFile, 'utf8').catch(() => '');
    const addresses = addressesIn(hosts, hostname);
    if (addresses.length > 0) return addresses;
    if (!machinesOwn.test(hostname)) return byDns(hostname, deadline);
    return (await lookup(hostname, { all: true, order: 'verbatim' })).map(({ address }) => address);
  };
}

export const resolveAsMachine = createMachineResolver(createDnsResolver());

/** hosts(5): an address and its names on a line. Lists of blocked names make it a hundred thousand lines. */
function addressesIn(hosts: string, hostname: string): readonly string[] {
  const lines = hosts.toLowerCase().split('\n');
  return lines
    .filter((line) => line.includes(hostname))
    .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
    .flatMap(([address = '', ...names]) => (names.includes(hostname) ? [address] : []));
}
