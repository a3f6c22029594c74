/** One row of the route table. */
import type * as z from 'zod';
import type { RequestErrorCode } from '../errors.ts';
import type { Scope } from '../tenancy/tenant.ts';

export interface Answer {
  readonly description: string;
  /** Absent: no body. */
  readonly schema?: z.ZodType;
  /** The body may also come as CSV, which no schema describes. */
  readonly orCsv?: true;
  /** The body comes as text of this type, which no schema describes. */
  readonly text?: 'text/plain' | 'text/html';
  /** The body comes as server-sent events: alone, or in place of the schema's where a request asks for a stream. */
  readonly events?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `{name}` marks a parameter. */
  readonly path: string;
  readonly summary: string;
  readonly tag:
    | 'jobs'
    | 'openai'
    | 'runpod'
    | 'simple'
    | 'replicate'
    | 'fal'
    | 'models'
    | 'adapters'
    | 'files'
    | 'batches'
    | 'webhooks'
    | 'account'
    | 'service'
    | 'admin';
  /** Scope the key must have; null: no key is asked for. */
  readonly scope: Scope | null;
  readonly params?: z.ZodObject;
  /** Lenient about types because a query is text; strict about names. */
  readonly query?: z.ZodObject;
  /** By lower-case name; other headers are none of the route's business. */
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The fields of a form (`multipart/form-data`), where the request may come as one too. */
  readonly form?: z.ZodObject;
  /** The request is a form's one file, `file`, and nothing around it; its type is what its bytes are. */
  readonly isFile?: true;
  /** Of such a form's files together. */
  readonly formBytesMax?: number;
  /** A second such request has no effect of its own: it may be sent again by whoever got no answer. Reads are so without it. */
  readonly isIdempotent?: true;
  /** What a `GET` of it answers is told to one request alone: `HEAD`, whose answer has no body, would take it away. */
  readonly isReadOnce?: true;
  /** It answers in one piece, and not before a job has ended, which may be minutes away. */
  readonly waits?: true;
  readonly answers: Readonly<Record<number, Answer>>;
  readonly errors: readonly RequestErrorCode[];
}

/**
 * Whether its answer may take as long as a job does: events as they come, or the job's end. On AWS such a route has a
 * function of its own, as API Gateway ends every answer that does not stream after 29 seconds.
 */
export function lastsAsAJob({ answers, waits }: Route): boolean {
  return waits === true || Object.values(answers).some(({ events }) => events !== undefined);
}
