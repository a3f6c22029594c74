import type { APIGatewayProxyEvent } from 'aws-lambda';

/** The request's headers by lower-case name; API Gateway passes names as the client wrote them. */
export function requestHeaders(event: APIGatewayProxyEvent): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(event.headers ?? {})) {
    if (value !== undefined) headers.set(name.toLowerCase(), value);
  }
  return headers;
}
