/** What a route answers, and its form as an API Gateway proxy result. */
import type { APIGatewayProxyResult } from 'aws-lambda';
import { EventStream } from './event-stream.ts';
import { securityHeaders } from './security-headers.ts';

export interface ApiAnswer {
  readonly status: number;
  /** Lower-case names; an absent value leaves the header out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON; undefined sends no body. A {@link RawJson} or a {@link PlainText} is sent as it is, an {@link EventStream} as it comes. */
  readonly body?: unknown;
}

/** JSON text written before, so that a hash of it and what is sent cannot differ. */
export class RawJson {
  readonly text: string;

  constructor(value: unknown) {
    this.text = JSON.stringify(value);
  }
}

/** A body that is no JSON. */
export class PlainText {
  readonly text: string;
  readonly contentType: string;

  constructor(text: string, contentType: string) {
    this.text = text;
    this.contentType = contentType;
  }
}

export const csvContentType = 'text/csv; charset=utf-8; header=present';

/** With a stream, what follows the head is that, and `body` is empty. */
export interface ApiResult extends APIGatewayProxyResult {
  readonly stream?: EventStream;
}

export function proxyResult({ status, headers = {}, body }: ApiAnswer): ApiResult {
  return {
    statusCode: status,
    headers: {
      ...securityHeaders,
      ...(body === undefined ? {} : { 'content-type': typeOf(body) }),
      ...definedOf(headers),
    },
    body: body === undefined || body instanceof EventStream ? '' : textOf(body),
    ...(body instanceof EventStream ? { stream: body } : {}),
  };
}

function typeOf(body: unknown): string {
  if (body instanceof EventStream) return 'text/event-stream; charset=utf-8';
  return body instanceof PlainText ? body.contentType : 'application/json; charset=utf-8';
}

function textOf(body: unknown): string {
  return body instanceof RawJson || body instanceof PlainText ? body.text : JSON.stringify(body);
}

function definedOf(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) defined[name] = value;
  return defined;
}
