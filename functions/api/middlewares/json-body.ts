/**
 * Reads the body as JSON. What is refused here is what the steps that follow cannot see: names that mean something to
 * every object of the language (validators pass over `__proto__` in silence), nesting so deep that recursion would
 * end in a stack overflow, and half characters, which no store takes as UTF-8.
 */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { AppError } from '#core/errors.ts';
import { edgeOf } from '../edge.ts';
import { requestHeaders } from '../request-headers.ts';

/** DynamoDB stores 32 levels; the job record around an input takes a few, and no schema needs half of that. */
const depthMax = 16;

/** Nobody needs them, and code that copies members by name can be led astray by them. */
const refusedNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

const jsonType = /^application\/json *(?:; *charset="?utf-8"? *)?$/i;

const halfCharacter = 'must not hold half of a surrogate pair';

export function jsonBody(): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    before({ event, context }) {
      if (edgeOf(context).form !== undefined) return;
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
      if (typeof value === 'string' && !value.isWellFormed()) refuse(path, halfCharacter);
      if (typeof value !== 'object' || value === null) return [];
      return Object.entries(value).map(([name, member]) => {
        if (!name.isWellFormed()) refuse(path, 'has a name with half of a surrogate pair');
        const at = path === '' ? name : `${path}.${name}`;
        if (refusedNames.has(name)) refuse(at, 'is not a known field');
        return { path: at, value: member };
      });
    });
  }
}

function refuse(path: string, message: string): never {
  throw new AppError('invalid_request', { details: [{ path, message }] });
}
