/**
 * Reads a body that came as a form (`multipart/form-data`), on the routes that take one: its fields by name, a file as a
 * `File`. Every other body is left to whoever reads JSON.
 */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { Route } from '#core/api/route.ts';
import { AppError } from '#core/errors.ts';
import { edgeOf } from '../edge.ts';
import { requestHeaders } from '../request-headers.ts';

const formType = /^multipart\/form-data *;/i;

/** More than any of our forms has. */
const fieldsMax = 16;

/** Whether the body is one that {@link formBody} reads. */
export function isForm(event: APIGatewayProxyEvent, { isFile }: Pick<Route, 'isFile'>): boolean {
  return isFile === true || formType.test(requestHeaders(event).get('content-type') ?? '');
}

export function formBody(
  route: Pick<Route, 'isFile'>,
): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    async before({ event, context }) {
      if (!isForm(event, route)) return;
      const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
      edgeOf(context).form = route.isFile
        ? { file: new File([bytes], 'file') }
        : await read(bytes, requestHeaders(event).get('content-type') ?? '');
    },
  };
}

async function read(bytes: Uint8Array, type: string): Promise<Record<string, unknown>> {
  const form = await parse(Uint8Array.from(bytes), type);
  const names = [...form.keys()];
  if (names.length > fieldsMax) refuse('', `must have at most ${fieldsMax} fields`);
  for (const name of names) {
    // A name given twice means one thing to us and another to somebody else.
    if (form.getAll(name).length > 1) refuse(name, 'must be given once');
    // No schema sees this name: an object schema passes over it in silence.
    if (name === '__proto__' || !name.isWellFormed()) refuse('', 'has a name that is not a known field');
  }
  return Object.fromEntries(form);
}

async function parse(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<FormData> {
  try {
    return await new Response(bytes, { headers: { 'content-type': type } }).formData();
  } catch (cause) {
    throw new AppError('invalid_request', { publicMessage: 'The body is not a valid form.', cause });
  }
}

function refuse(path: string, message: string): never {
  throw new AppError('invalid_request', { details: [{ path, message }] });
}
