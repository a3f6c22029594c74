/** Which step of an exchange an error belongs to, by its code. The detail is that code: messages may hold URLs. */
import * as z from 'zod';
import type { OutboundAnswer, OutboundFailure } from '#core/egress/outbound.ts';

type Failed = Extract<OutboundAnswer, { kind: 'failed' }>;

const codedSchema = z.object({ code: z.string() });

/** The first pattern that a code matches says the reason. Sources: OpenSSL's verify codes, errno(3), undici's errors. */
const reasons: readonly (readonly [code: RegExp, reason: OutboundFailure])[] = [
  [/^(ERR_TLS_|ERR_SSL_|CERT_|EPROTO$)/, 'tls'],
  [/SELF_SIGNED|^UNABLE_TO_|^(HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)$/, 'tls'],
  [/^E(CONNREFUSED|HOSTUNREACH|NETUNREACH|HOSTDOWN|NETDOWN|ADDRNOTAVAIL|ACCES|INVAL|TIMEDOUT)$/, 'connect'],
  [/^UND_ERR_CONNECT_TIMEOUT$/, 'timeout'],
  [/^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET)$/, 'reset'],
];

export const timedOut: Failed = { kind: 'failed', reason: 'timeout', detail: 'timeoutMs went by' };

/** A name that could not be looked up. */
export function failedLookup(error: unknown): Failed {
  return { kind: 'failed', reason: 'dns', detail: codeOf(error) ?? 'no address' };
}

/** A connection or an exchange over it that came to nothing; what is not known is the far side's way of speaking. */
export function failedExchange(error: unknown): Failed {
  const code = codeOf(error);
  const reason = reasons.find(([pattern]) => code !== undefined && pattern.test(code))?.[1] ?? 'protocol';
  return { kind: 'failed', reason, detail: code ?? 'unknown' };
}

/** The error of several connections that were tried has its own code, or that of the first. */
function codeOf(error: unknown): string | undefined {
  const own = codedSchema.safeParse(error).data?.code;
  return own ?? (error instanceof AggregateError ? codeOf(error.errors[0]) : undefined);
}
