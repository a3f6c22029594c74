/**
 * Valid inputs out of the route table alone: every field of a schema, those that may be left out too, with a text of the
 * caller's choice wherever a schema lets one choose. A new field is in it by itself; a form of text that is not known
 * here throws, so that nobody forgets to say how it is filled.
 */
import * as z from 'zod';

type Json = z.core.util.JSONType;
type JsonSchema = z.core.JSONSchema.JSONSchema;

/** Gives the text for a field; `place` is its path with dots. */
export type TextOf = (place: string) => string;

/** Texts for what has a form of its own, tried in turn. */
const formed = [
  '2030-01-31T08:15:00Z',
  '2030-01-31',
  '2030-01',
  '202611',
  '512x512',
  'a',
  '1',
  'job_00000000000000000000000001',
  'a'.repeat(64),
];

/** A value that the schema takes. */
export function inputFor(schema: z.ZodType, textOf: TextOf): Json {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const value = valueFor(json, json, '', textOf);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Error(`the generated input is refused: ${z.prettifyError(parsed.error)}`);
  return value;
}

/** Paths of the objects in the value whose schema takes no field but its own; the value itself is `[]`. */
export function closedObjects(schema: z.ZodType, value: Json): string[][] {
  return objectPaths(value).filter((path) => {
    const probe = structuredClone(value);
    const target = memberAt(probe, path);
    if (typeof target !== 'object' || target === null || Array.isArray(target)) return false;
    target['surely not a field'] = true;
    const parsed = schema.safeParse(probe);
    return !parsed.success && parsed.error.issues.some(({ code }) => code === 'unrecognized_keys');
  });
}

/** Paths of every object in the value, outermost first. */
export function objectPaths(value: Json, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  const within = Object.entries(value).flatMap(([name, member]) => objectPaths(member, [...path, name]));
  return Array.isArray(value) ? within : [[...path], ...within];
}

export function memberAt(value: Json, path: readonly string[]): Json {
  return path.reduce<Json>((at, name) => {
    if (typeof at !== 'object' || at === null) throw new Error(`there is nothing at ${path.join('.')}`);
    // Of an array a name is its place in it.
    return (Array.isArray(at) ? at[Number(name)] : at[name]) ?? null;
  }, value);
}

function valueFor(schema: JsonSchema, root: JsonSchema, place: string, textOf: TextOf): Json {
  if (schema.$ref !== undefined) return valueFor(definition(schema.$ref, root), root, place, textOf);
  if (schema.const !== undefined) return schema.const as Json;
  if (schema.enum?.[0] !== undefined) return schema.enum[0] as Json;
  const branch = (schema.anyOf ?? schema.oneOf)?.find((each) => each.type !== 'null');
  if (branch !== undefined) return valueFor(branch, root, place, textOf);
  switch (Array.isArray(schema.type) ? schema.type.find((each) => each !== 'null') : schema.type) {
    case 'object':
      return objectFor(schema, root, place, textOf);
    case 'array': {
      if (typeof schema.items !== 'object' || Array.isArray(schema.items)) return [];
      return [valueFor(schema.items, root, `${place}.0`, textOf)];
    }
    case 'integer':
    case 'number':
      return schema.minimum ?? Number(schema.exclusiveMinimum ?? 0) + 1;
    case 'boolean':
      return true;
    case 'string':
      return textFor(schema, place, textOf);
    default:
      return textOf(place);
  }
}

function objectFor(schema: JsonSchema, root: JsonSchema, place: string, textOf: TextOf): Json {
  const at = (name: string) => (place === '' ? name : `${place}.${name}`);
  const members = Object.entries(schema.properties ?? {}).map(([name, member]) => {
    if (typeof member === 'boolean') throw new Error(`the schema says nothing of ${at(name)}`);
    return [name, valueFor(member, root, at(name), textOf)] as const;
  });
  const extra = schema.additionalProperties;
  // A record: its names are as much the caller's as its values.
  const free =
    typeof extra === 'object' && members.length === 0
      ? [[textOf(`${at('*')} (name)`), valueFor(extra, root, at('*'), textOf)] as const]
      : [];
  return Object.fromEntries([...members, ...free]);
}

function textFor({ pattern, minLength = 0, maxLength }: JsonSchema, place: string, textOf: TextOf): string {
  const fits = (text: string) =>
    (pattern === undefined || new RegExp(pattern, 'u').test(text)) &&
    text.length >= minLength &&
    text.length <= (maxLength ?? Number.POSITIVE_INFINITY);
  const chosen = [textOf(place), ...formed].find(fits);
  if (chosen === undefined) throw new Error(`no text is known for ${place}: ${pattern}`);
  return chosen;
}

function definition(reference: string, root: JsonSchema): JsonSchema {
  const name = reference.replace('#/$defs/', '');
  const found = root.$defs?.[name];
  if (found === undefined || typeof found === 'boolean') throw new Error(`the schema has no ${reference}`);
  return found;
}
