/** What a route answers, and its form as an API Gateway proxy result. */
import type { APIGatewayProxyResult } from 'aws-lambda';

export interface ApiAnswer {
  readonly status: number;
  /** Lower-case names; an absent value leaves the header out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON; undefined sends no body. A {@link RawJson} is sent as it is. */
  readonly body?: unknown;
}

/** JSON text written before, so that a hash of it and what is sent cannot differ. */
export class RawJson {
  readonly text: string;

  constructor(value: unknown) {
    this.text = JSON.stringify(value);
  }
}

export function proxyResult({ status, headers = {}, body }: ApiAnswer): APIGatewayProxyResult {
  return {
    statusCode: status,
    headers: {
      // An answer belongs to one key and one moment.
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      ...definedOf(headers),
    },
    body: body === undefined ? '' : textOf(body),
  };
}

function textOf(body: unknown): string {
  return body instanceof RawJson ? body.text : JSON.stringify(body);
}

function definedOf(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) defined[name] = value;
  return defined;
}
