/**
 * The one way from here to an address that a tenant named: check the URL, ask for the name's addresses once, check
 * every one, connect to those and to nothing else, under the name for `Host` and the certificate. A name that answers
 * otherwise a moment later (DNS rebinding) is never asked again. No redirect is followed, no proxy of the environment
 * used, nothing unpacked, no connection kept.
 */
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Client, type Dispatcher } from 'undici';
import { checkAddress } from '#core/egress/address.ts';
import { refusedHeader } from '#core/egress/headers.ts';
import type { Outbound, OutboundAnswer, OutboundRequest } from '#core/egress/outbound.ts';
import type { EgressPolicy, EgressRefusal } from '#core/egress/policy.ts';
import { checkUrl } from '#core/egress/url.ts';
import { egressLimits } from '#core/limits.ts';
import { failedExchange, failedLookup, timedOut } from './outbound-failure.ts';
import type { ResolveHost } from './resolve-host.ts';

export interface GuardedOutboundOptions {
  readonly policy: EgressPolicy;
  readonly resolveHost: ResolveHost;
  /** Certificates of authorities, PEM, that are trusted beside the usual ones. */
  readonly authorities?: readonly string[];
}

type Answered = Extract<OutboundAnswer, { kind: 'answered' }>;
type Addresses = { readonly kind: 'addresses'; readonly addresses: readonly string[] };

export function createGuardedOutbound(options: GuardedOutboundOptions): Outbound {
  return { send: (request) => send(request, options) };
}

async function send(request: OutboundRequest, options: GuardedOutboundOptions): Promise<OutboundAnswer> {
  const checked = checkUrl(request.url, options.policy);
  if (checked.kind === 'refused') return checked;
  const refused = refusedHeader(request.headers);
  if (refused !== null) return refused;

  const deadline = AbortSignal.timeout(request.timeoutMs);
  const found = await addressesOf(checked.url, options, deadline);
  return found.kind === 'addresses'
    ? exchange(checked.url, found.addresses, request, options, deadline)
    : found;
}

async function addressesOf(
  { hostname }: URL,
  { policy, resolveHost }: GuardedOutboundOptions,
  deadline: AbortSignal,
): Promise<Addresses | EgressRefusal | Extract<OutboundAnswer, { kind: 'failed' }>> {
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) return { kind: 'addresses', addresses: [literal] };
  let addresses: readonly string[];
  try {
    addresses = await within(deadline, resolveHost(hostname, deadline));
  } catch (error) {
    return deadline.aborted ? timedOut : failedLookup(error);
  }
  if (addresses.length === 0) return failedLookup(new Error('no address'));
  // One bad address is enough: which of them a connection comes to is not ours to say.
  for (const address of addresses) {
    const verdict = checkAddress(address, policy);
    if (verdict.kind === 'refused') return verdict;
  }
  return { kind: 'addresses', addresses };
}

async function exchange(
  url: URL,
  addresses: readonly string[],
  request: OutboundRequest,
  { authorities = [] }: GuardedOutboundOptions,
  deadline: AbortSignal,
): Promise<OutboundAnswer> {
  const client = new Client(url.origin, {
    allowH2: false,
    pipelining: 0,
    maxHeaderSize: egressLimits.answerHeaderBytesMax,
    // The deadline covers every step, also one that moves a byte now and then.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      lookup: pinnedLookup(addresses),
      autoSelectFamily: true,
      timeout: request.timeoutMs,
      maxCachedSessions: 0,
      // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED has no say.
      rejectUnauthorized: true,
      ...(authorities.length === 0 ? {} : { ca: [...rootCertificates, ...authorities] }),
    },
  });
  try {
    const { method, headers, body = null } = request;
    const answer = await client.request({
      method,
      path: `${url.pathname}${url.search}`,
      headers,
      body,
      signal: deadline,
    });
    return await readAnswer(answer, request.answerBytesMax);
  } catch (error) {
    return deadline.aborted ? timedOut : failedExchange(error);
  } finally {
    await client.destroy();
  }
}

/** Reads as much of the body as is asked for; what is beyond is left unread, and the connection goes with it. */
async function readAnswer(answer: Dispatcher.ResponseData, bytesMax: number): Promise<Answered> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) break;
  }
  return {
    kind: 'answered',
    status: answer.statusCode,
    headers: Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]),
    ),
    body: new Uint8Array(Buffer.concat(chunks).subarray(0, bytesMax)),
    truncated: bytes > bytesMax,
  };
}

/** Answers every question with the addresses that were checked, whatever is asked. */
function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, { all }, done) => {
    const [first] = pinned;
    if (all === true || first === undefined) done(null, pinned);
    else done(null, first.address, first.family);
  };
}

function within<T>(deadline: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    deadline.addEventListener('abort', () => reject(deadline.reason), { once: true });
    work.then(resolve, reject);
  });
}
