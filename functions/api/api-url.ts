/** Where a client reached this API: what absolute links in its answer begin with. */
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { requestHeaders } from './request-headers.ts';

/** A host and maybe a port; what a client sends as its host need not be one. */
const hostForm = /^(?:[\w.-]+|\[[\da-f:]+\])(?::\d{1,5})?$/i;

/**
 * Scheme, host and whatever stands before the route's own path (a stage, a base path), without a slash at the end. API
 * Gateway says all three; a client of the local gateway chooses the host that it is told.
 */
export function apiUrlOf(event: APIGatewayProxyEvent): string {
  const scheme = requestHeaders(event).get('x-forwarded-proto') === 'http' ? 'http' : 'https';
  const { domainName = '', path = event.path } = event.requestContext ?? {};
  const host = hostForm.test(domainName) ? domainName : 'localhost';
  const before = path.endsWith(event.path) ? path.slice(0, -event.path.length) : '';
  return `${scheme}://${host}${before}`;
}
