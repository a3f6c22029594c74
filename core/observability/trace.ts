/**
 * Which trace a request belongs to, from its headers to the lines that a runner writes of its job: a `traceparent` as W3C has it
 * (https://www.w3.org/TR/trace-context/). A caller's own trace is gone on with; else that of X-Ray, whose ids have the same
 * digits (https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html); else the request begins one.
 */
import { digest } from '../canonical.ts';

interface Trace {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 2 hex digits: `01` where the caller records it. */
  readonly flags: string;
}

const parentForm = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const rootForm = /(?:^|;)Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;|$)/;

/**
 * The `traceparent` of what is done for a request. Its span is the request's, whose id makes it, so a request that is looked
 * at again has the same.
 * @param headers by lower-case name
 */
export function traceparentOf(headers: ReadonlyMap<string, string>, requestId: string): string {
  const begun = digest(requestId);
  const { traceId, flags } = readTraceparent(headers.get('traceparent')) ??
    readXRay(headers.get('x-amzn-trace-id')) ?? { traceId: begun.slice(0, 32), flags: '00' };
  return `00-${traceId}-${begun.slice(32, 48)}-${flags}`;
}

/**
 * The `traceparent` of a part of what another one is of: the same trace, under a span that `part` makes.
 * @param part tells it from every other part
 */
export function traceparentWithin(traceparent: string, part: string): string {
  return traceparentOf(new Map([['traceparent', traceparent]]), part);
}

/** The 32 digits that lines and traces are found by; null without a trace. */
export function traceIdOf(traceparent: string | null): string | null {
  return readTraceparent(traceparent ?? undefined)?.traceId ?? null;
}

/** As {@link traceIdOf}, where whoever began the trace records it: its flags say so. */
export function sampledTraceIdOf(traceparent: string | null): string | null {
  const trace = readTraceparent(traceparent ?? undefined);
  // The lowest bit; the others mean something else, or nothing yet.
  return trace !== null && Number.parseInt(trace.flags, 16) % 2 === 1 ? trace.traceId : null;
}

/** The id that X-Ray knows the trace by; null where the request did not come through it. */
export function xrayIdOf(headers: ReadonlyMap<string, string>): string | null {
  const [, time, rest] = rootForm.exec(headers.get('x-amzn-trace-id') ?? '') ?? [];
  return time === undefined ? null : `1-${time}-${rest}`;
}

function readTraceparent(text: string | undefined): Trace | null {
  const [, version, traceId = '', spanId = '', flags = '', rest] = parentForm.exec(text ?? '') ?? [];
  // Version 00 ends here; later ones may go on.
  const isWhole = version !== undefined && (version !== '00' || rest === undefined);
  return isWhole && /[^0]/.test(traceId) && /[^0]/.test(spanId) ? { traceId, flags } : null;
}

function readXRay(text: string | undefined): Trace | null {
  const [, time, rest] = rootForm.exec(text ?? '') ?? [];
  if (time === undefined) return null;
  return { traceId: `${time}${rest}`, flags: /(?:^|;)Sampled=1(?:;|$)/.test(text ?? '') ? '01' : '00' };
}
