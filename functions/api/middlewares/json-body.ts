/**
 * Reads the body as JSON. Two shapes are refused here because what follows cannot see them: a `__proto__` key, which
 * validators pass over in silence, and nesting so deep that recursion would end in a stack overflow.
 */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { AppError } from '#core/errors.ts';
import { edgeOf } from '../edge.ts';
import { requestHeaders } from '../request-headers.ts';

/** DynamoDB stores 32 levels; the job record around an input takes a few, and no schema needs half of that. */
const depthMax = 16;

const jsonType = /^application\/json *(?:; *charset="?utf-8"? *)?$/i;

export function jsonBody(): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    before({ event, context }) {
      const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
      if (bytes.length === 0) return;
      if (!jsonType.test(requestHeaders(event).get('content-type') ?? '')) {
        throw new AppError('unsupported_media_type');
      }
      const json = parse(bytes);
      refuseUnsafe(json);
      edgeOf(context).json = json;
    },
  };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new AppError('invalid_json', { cause });
  }
}

/** Walks level by level rather than by recursion, for the reason it exists. */
function refuseUnsafe(json: unknown): void {
  let level = [{ path: '', value: json }];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > depthMax) refuse('', `must not be nested deeper than ${depthMax} levels`);
    level = level.flatMap(({ path, value }) => {
      if (typeof value !== 'object' || value === null) return [];
      return Object.entries(value).map(([name, member]) => {
        const at = path === '' ? name : `${path}.${name}`;
        if (name === '__proto__') refuse(at, 'is not a known field');
        return { path: at, value: member };
      });
    });
  }
}

function refuse(path: string, message: string): never {
  throw new AppError('invalid_request', { details: [{ path, message }] });
}
