/**
 * The port through which the product talks to addresses that tenants name: receivers of webhooks, pictures by URL.
 * Nothing else may open such a connection, so the guard of `url.ts` and `address.ts` stands in front of all of them.
 */
import type { EgressRule } from './policy.ts';

/** One request. The caller has written every header; the sender adds what the transfer itself needs. */
export interface OutboundRequest {
  readonly method: 'GET' | 'POST';
  /** As the tenant wrote it: it is checked again here, because rules may have changed since it was stored. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Of the whole exchange: name, connection, TLS, request, and the answer to its last byte. */
  readonly timeoutMs: number;
  /** What is read of the answer's body at most; the rest is never received, and the answer says `truncated`. */
  readonly answerBytesMax: number;
}

export type OutboundAnswer =
  /**
   * The far side answered, with whatever status: a redirect is an answer like any other. Names of headers are in
   * small letters, values of one name are joined by `, `. The body is as sent: nothing unpacks a `content-encoding`.
   */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array;
      readonly truncated: boolean;
    }
  /** The guard forbids the request; the same request is never sent, so trying again is no use. */
  | { readonly kind: 'refused'; readonly rule: EgressRule; readonly detail: string }
  /** The far side could not be reached or did not keep to HTTP. `detail` names a code, never the URL's path. */
  | { readonly kind: 'failed'; readonly reason: OutboundFailure; readonly detail: string };

/**
 * - `dns`: the name has no address, or its servers do not answer.
 * - `connect`: nobody accepts connections there.
 * - `tls`: no encrypted connection came about, or the certificate is not for this name or not trusted.
 * - `timeout`: `timeoutMs` went by, at whatever step.
 * - `reset`: the connection ended in the middle.
 * - `protocol`: what came is not HTTP/1.1, or its headers are larger than `egressLimits.answerHeaderBytesMax`.
 */
export type OutboundFailure = 'dns' | 'connect' | 'tls' | 'timeout' | 'reset' | 'protocol';

export interface Outbound {
  /**
   * Sends one request to an address that a tenant named. Never throws for what the far side is or does; follows no
   * redirect; asks for the name's addresses once and connects to one of those and to none else.
   */
  send(request: OutboundRequest): Promise<OutboundAnswer>;
}
