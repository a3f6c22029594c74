/**
 * What a client of this API needs of its OpenAPI document. The words of other APIs have clients of their own, headers of answers
 * come untyped from `fetch`, and every refusal has one form: without them the types are a third as long.
 */
import type { JsonObject } from '#core/api/json.ts';

export interface ClientDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

export interface Operation {
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string }[];
  readonly 'x-idempotent'?: true;
  readonly responses: Readonly<Record<string, { readonly headers?: unknown; readonly content?: object }>>;
}

/** Routes whose clients are those of another API. */
const foreignTags = ['replicate', 'fal', 'runpod', 'simple'];

const refused = {
  description: 'Refused: `code` says why',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};

/** A document that holds nothing unnamed, and names nothing that it does not hold. */
export function clientDocument(whole: JsonObject): ClientDocument {
  // The document is our own: its writer made it so.
  const { components, ...document } = whole as unknown as ClientDocument;
  const paths = mapEntries(document.paths, (methods) => {
    const own = mapEntries(methods, (operation) => (isForeign(operation) ? null : plain(operation)));
    return Object.keys(own).length === 0 ? null : own;
  });
  const named = namedIn(paths, components.schemas);
  const schemas = mapEntries(components.schemas, (schema, name) => (named.has(name) ? schema : null));
  return withoutExamples({ ...document, paths, components: { ...components, headers: undefined, schemas } });
}

function isForeign({ tags }: Operation): boolean {
  return tags.some((tag) => foreignTags.includes(tag));
}

function plain(operation: Operation): Operation {
  const answers = mapEntries(operation.responses, ({ headers: _, ...answer }, status) =>
    Number(status) < 400 ? answer : null,
  );
  return { ...operation, responses: { ...answers, default: refused } };
}

/** Of the schemas, those that are named from here, and from those again. */
function namedIn(from: unknown, schemas: ClientDocument['components']['schemas']): Set<string> {
  const named = new Set<string>();
  const waiting = [from];
  while (waiting.length > 0) {
    for (const [, name = ''] of JSON.stringify(waiting.pop()).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (named.has(name)) continue;
      named.add(name);
      waiting.push(schemas[name]);
    }
  }
  return named;
}

/** Examples of a schema or a body: values, which a property of that name is not. */
function withoutExamples<T extends object>(value: T): T {
  return JSON.parse(JSON.stringify(value, (name, each) => (isExample(name, each) ? undefined : each)));
}

function isExample(name: string, value: unknown): boolean {
  return name === 'examples' || (name === 'example' && !Object.hasOwn(Object(value), 'type'));
}

/** With null an entry is left out. */
function mapEntries<T, U>(
  all: Readonly<Record<string, T>>,
  change: (value: T, name: string) => U | null,
): Record<string, U> {
  const entries = Object.entries(all).flatMap(([name, value]) => {
    const changed = change(value, name);
    return changed === null ? [] : [[name, changed] as const];
  });
  return Object.fromEntries(entries);
}
