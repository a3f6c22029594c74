/** An outbound request and its answer as JSON, for a sender that is another function: bytes are base64. */
import * as z from 'zod';
import type { OutboundAnswer, OutboundRequest } from './outbound.ts';
import { egressRules } from './policy.ts';

const countSchema = z.int().nonnegative();
const headersSchema = z.record(z.string(), z.string());
const bytesSchema = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));

const requestSchema = z.strictObject({
  method: z.enum(['GET', 'POST']),
  url: z.string(),
  headers: headersSchema,
  body: bytesSchema.optional(),
  timeoutMs: countSchema,
  answerBytesMax: countSchema,
});

const rules = Object.keys(egressRules) as [keyof typeof egressRules, ...(keyof typeof egressRules)[]];

const answerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('answered'),
    status: countSchema,
    headers: headersSchema,
    body: bytesSchema,
    truncated: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('refused'), rule: z.enum(rules), detail: z.string() }),
  z.strictObject({
    kind: z.literal('failed'),
    reason: z.enum(['dns', 'connect', 'tls', 'timeout', 'reset', 'protocol']),
    detail: z.string(),
  }),
]);

/** What {@link readRequest} takes. */
export function writeRequest({ body, ...request }: OutboundRequest): string {
  return JSON.stringify({ ...request, ...(body === undefined ? {} : { body: base64Of(body) }) });
}

/** @throws ZodError for what is no request */
export function readRequest(event: unknown): OutboundRequest {
  const { body, ...request } = requestSchema.parse(event);
  return { ...request, ...(body === undefined ? {} : { body }) };
}

/** As a value: Lambda itself writes what a function returns. */
export function writeAnswer(answer: OutboundAnswer): object {
  return answer.kind === 'answered' ? { ...answer, body: base64Of(answer.body) } : answer;
}

/** @throws ZodError for what is no answer */
export function readAnswer(text: string): OutboundAnswer {
  return answerSchema.parse(JSON.parse(text));
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
