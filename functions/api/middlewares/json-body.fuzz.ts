/** Properties of the request body's parser over JSON, near-JSON and bytes. */
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '#core/errors.ts';
import { budget } from '#sim/fuzz-budget.ts';
import { edgeOf, openEdge } from '../edge.ts';
import { jsonBody } from './json-body.ts';

const types = fc.constantFrom(
  'application/json',
  'APPLICATION/JSON; charset="utf-8"',
  'text/plain',
  '',
  'application/json;x=y',
);
const evilName = fc.constantFrom('__proto__', 'constructor', 'prototype');
const piece = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '"a":',
    '"__proto__":',
    '"\\u005f_proto__":',
    '"constructor":',
    '1e999',
    '-0',
  ],
  ...[
    'NaN',
    'null',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\u0000"',
    '\ufeff',
    '\u0000',
    ' ',
    '1',
    '"é"',
    '//',
    "'",
  ],
);
const soup = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join('')));
const bodies = fc.oneof(
  soup,
  fc.uint8Array({ maxLength: 60 }),
  fc.json().map((text) => Buffer.from(text)),
);

type Read =
  | { readonly kind: 'json'; readonly json: unknown }
  | { readonly kind: 'refused'; readonly error: AppError };

async function read(bytes: Uint8Array, type = 'application/json', isBase64Encoded = true): Promise<Read> {
  const body = Buffer.from(bytes).toString(isBase64Encoded ? 'base64' : 'utf8');
  const event = { headers: { 'content-type': type }, body, isBase64Encoded } as Partial<APIGatewayProxyEvent>;
  const context = {} as Context;
  openEdge(context, { requestId: 'req_1', startedAtMs: 0, traceparent: '', xrayId: null });
  try {
    await jsonBody().before?.({ event, context } as never);
    return { kind: 'json', json: edgeOf(context).json };
  } catch (error) {
    if (error instanceof AppError) return { kind: 'refused', error };
    throw error;
  }
}

/** Every name and text in the value, found apart from the code under test. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Reflect.ownKeys(value).flatMap((name) => [String(name), ...texts(Reflect.get(value, name))]);
}

describe('the parser of request bodies', () => {
  it('gives what JSON.parse gives, with nothing unsafe in it, or one of three errors', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, types, async (bytes, type) => {
        const outcome = await read(bytes, type);

        if (outcome.kind === 'refused') {
          expect(['invalid_json', 'unsupported_media_type', 'invalid_request']).toContain(outcome.error.code);
          return;
        }
        if (bytes.length === 0) return;
        expect(outcome.json).toEqual(JSON.parse(Buffer.from(bytes).toString()));
        for (const text of Array.isArray(outcome.json) ? texts(outcome.json).slice(1) : texts(outcome.json)) {
          expect(text.isWellFormed()).toBe(true);
        }
        expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(prototypeNames);
      }),
      budget(1_500),
    );
  });

  it('refuses a name of the language at any place, with its path, however it is spelled', async () => {
    await fc.assert(
      fc.asyncProperty(
        evilName,
        fc.array(fc.stringMatching(/^[a-z]{1,5}$/), { maxLength: 14 }),
        fc.jsonValue({ maxDepth: 1 }),
        fc.boolean(),
        async (evil, path, value, isEscaped) => {
          const name = isEscaped
            ? `\\u${evil.charCodeAt(0).toString(16).padStart(4, '0')}${evil.slice(1)}`
            : evil;
          const inner = `{"${name}":${JSON.stringify(value)}}`;
          const text = path.reduceRight((within, step) => `{"x":1,"${step}":${within}}`, inner);

          const outcome = await read(Buffer.from(text));

          expect(outcome.kind === 'refused' && outcome.error.options.details).toEqual([
            { path: [...path, evil].join('.'), message: 'is not a known field' },
          ]);
          expect(Reflect.get({}, 'x')).toBeUndefined();
        },
      ),
      budget(500),
    );
  });

  it('refuses half a character wherever it is, and takes every whole one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 8 }),
        fc.boolean(),
        fc.boolean(),
        async (text, isName, isHalf) => {
          const given = isHalf ? `${text}\ud83d` : text;
          const outcome = await read(
            Buffer.from(JSON.stringify(isName ? { a: { [`k${given}`]: 1 } } : { a: [given] })),
          );

          expect(outcome.kind).toBe(given.isWellFormed() ? 'json' : 'refused');
        },
      ),
      budget(500),
    );
  });

  // Reading the whole again for each level would take minutes; the timeout of a test is the bound.
  it('ends soon on the largest body of anything nested, open or long', async () => {
    const unit = fc.constantFrom('[', '{"a":', '[[],', '{"a":1,', '"', '\\', '[{"a":[', '"\\ud83d",');
    await fc.assert(
      fc.asyncProperty(unit, async (open) => {
        expect((await read(Buffer.from(open.repeat(131_072).slice(0, 131_072)))).kind).toBe('refused');
      }),
      budget(20),
    );
  });
});

const prototypeNames = Object.getOwnPropertyNames(Object.prototype).length;
