/** Schemas of the reference page: a type in words, and fields in a table. */

import type { Json, JsonObject } from '../json.ts';
import { entriesIn, listIn, objectIn, textIn } from '../json.ts';
import { Html, html, prose } from './html.ts';

/** Deeper fields are seldom, and stand in the document that the page links to. */
const depthMax = 3;

/** `string, 1 to 255 characters`, or a link to a schema with a name. */
export function typeOf(schema: JsonObject): Html {
  const { $ref } = schema;
  if (typeof $ref === 'string') return linkTo($ref.split('/').at(-1) ?? '');
  const choices = listIn(schema.anyOf ?? schema.oneOf).map(objectIn);
  if (choices.length > 0) return joined(choices.map(typeOf), ' or ');
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  const names = listIn(schema.enum);
  if (names.length > 0)
    return joined(
      names.map((name) => html`<code>${JSON.stringify(name)}</code>`),
      ' or ',
    );
  if (schema.type === 'array') return html`list of ${typeOf(objectIn(schema.items))}${boundsOf(schema)}`;
  return html`${nameOf(schema)}${boundsOf(schema)}`;
}

function nameOf({ type, format }: JsonObject): string {
  if (type === undefined) return 'any JSON';
  const name = Array.isArray(type) ? type.join(' or ') : textIn(type);
  return typeof format === 'string' ? `${name} (${format})` : name;
}

/** What each pair of bounds counts. */
const bounds: readonly (readonly [least: string, most: string, unit: string])[] = [
  ['minLength', 'maxLength', ' characters'],
  ['minItems', 'maxItems', ' items'],
  ['minimum', 'maximum', ''],
];

function boundsOf(schema: JsonObject): string {
  return bounds
    .flatMap(([leastName, mostName, unit]) => {
      const [least, most] = [schema[leastName], schema[mostName]];
      if (least === undefined && most === undefined) return [];
      if (most === undefined) return [`, at least ${least}${unit}`];
      return [least === undefined ? `, at most ${most}${unit}` : `, ${least} to ${most}${unit}`];
    })
    .join('');
}

function linkTo(name: string): Html {
  return html`<a href="#schema-${name}">${name}</a>`;
}

function joined(parts: readonly Html[], between: string): Html {
  return new Html(parts.map(({ text }) => text).join(between));
}

/** Fields with their types; empty for a schema without any. */
export function fieldsOf(schema: JsonObject): Html {
  const rows = rowsOf(schema, '', 1);
  if (rows.length === 0) return html``;
  return html`<table><thead><tr><th>Field</th><th>Type</th><th>What it is</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function rowsOf(schema: JsonObject, prefix: string, depth: number): Html[] {
  const required = new Set(listIn(schema.required));
  return entriesIn(schema.properties).flatMap(([name, field]) => [
    html`<tr><td><code>${prefix}${name}</code>${required.has(name) ? html` <small>required</small>` : ''}</td><td>${typeOf(field)}${defaultOf(field.default)}</td><td>${prose(textIn(field.description))}</td></tr>`,
    ...(depth < depthMax ? rowsWithin(field, `${prefix}${name}`, depth + 1) : []),
  ]);
}

/** Of an object, of the items of a list, or of the one choice that has fields. */
function rowsWithin(field: JsonObject, path: string, depth: number): Html[] {
  const inside = [field, ...listIn(field.anyOf).map(objectIn)];
  return inside.flatMap((schema) => [
    ...rowsOf(schema, `${path}.`, depth),
    ...rowsOf(objectIn(schema.items), `${path}[].`, depth),
  ]);
}

function defaultOf(value: Json | undefined): Html {
  return value === undefined ? html`` : html`; <code>${JSON.stringify(value)}</code> when left out`;
}
