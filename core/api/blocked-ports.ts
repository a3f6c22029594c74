/**
 * Ports that browsers and `fetch` refuse to talk to: a server there serves nobody. Source: "port blocking" of
 * fetch.spec.whatwg.org; those below 1024 are left out, because nothing of ours listens there.
 */
const blockedPorts: ReadonlySet<number> = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
  10080,
]);

export const blockedPortMessage = 'is a port that browsers and fetch refuse to talk to; take another';

export function isBlockedPort(port: number): boolean {
  return blockedPorts.has(port);
}
