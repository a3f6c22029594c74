/** What Node could not read as HTTP: answered in the form of every refusal, where Node itself answers without a word. */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { presentError } from '#core/api/error-resource.ts';
import { AppError } from '#core/errors.ts';
import { securityHeaders } from '#functions/api/security-headers.ts';

/** For `clientError` of a server. Ends the connection: where the next request would begin, nobody knows. */
export function refuseUnreadable(error: Error & { readonly code?: string }, socket: Duplex): void {
  // A client that hung up hears nothing; an answer already begun cannot be followed by another.
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = randomUUID();
  const { status, body } = presentError(refusalOf(error.code), requestId);
  const text = JSON.stringify(body);
  const headers = {
    ...securityHeaders,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'x-request-id': requestId,
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', text].join('\r\n'));
}

function refusalOf(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AppError('headers_too_large');
  const publicMessage =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? 'The request did not arrive whole in time.'
      : 'The request is not valid HTTP.';
  return new AppError('invalid_request', { publicMessage });
}
