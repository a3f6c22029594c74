/**
 * The reference page of an OpenAPI document: every operation, field, answer, error and example of it, in one page without
 * scripts. Pure: the same document gives the same page.
 *
 * The common viewers (Redoc, Swagger UI, Scalar) are a megabyte of script, from a third party's network or carried in a
 * function's bundle; a page that needs none keeps the strictest content security policy and opens without a network.
 */
import type { JsonObject } from '../json.ts';
import { entriesIn, listIn, objectIn, textIn } from '../json.ts';
import { Html, html, prose } from './html.ts';
import type { Operation } from './operation.ts';
import { sectionOf } from './operation.ts';
import { fieldsOf, typeOf } from './schema.ts';
import { style } from './style.ts';

export function referencePage(document: JsonObject): string {
  const { info, components } = document;
  const { title, version, description } = objectIn(info);
  const name = `${textIn(title)} ${textIn(version)}`;
  const groups = groupsOf(document);
  const schemas = entriesIn(objectIn(components).schemas);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${name}: API reference</title><style>${new Html(style)}</style></head>
<body>
<nav aria-label="Operations"><a href="#top">${name}</a>${groups.map(linksOf)}<h2><a href="#schemas">schemas</a></h2></nav>
<main id="top"><h1>${name}</h1>
${textIn(description)
  .split('\n')
  .map((line) => html`<p>${prose(line)}</p>`)}
<p>The same as a document for tools: <a href="openapi.json">OpenAPI 3.1</a>.</p>
${groups.map(([tag, operations]) => html`<h2 id="tag-${tag}">${tag}</h2>${operations.map(sectionOf)}`)}
<h2 id="schemas">schemas</h2>
${schemas.map(([id, schema]) => schemaSection(id, schema))}
</main></body></html>
`.text;
}

function groupsOf(document: JsonObject): [tag: string, operations: Operation[]][] {
  const operations = entriesIn(document.paths).flatMap(([path, methods]) =>
    entriesIn(methods).map(([method, is]): Operation => {
      const [tag] = listIn(is.tags);
      return { id: textIn(is.operationId), method: method.toUpperCase(), path, tag: textIn(tag), is };
    }),
  );
  return [...Map.groupBy(operations, ({ tag }) => tag)];
}

function linksOf([tag, operations]: [tag: string, operations: readonly Operation[]]): Html {
  const items = operations.map(({ id, is }) => html`<li><a href="#${id}">${textIn(is.summary)}</a></li>`);
  return html`<h2><a href="#tag-${tag}">${tag}</a></h2><ul>${items}</ul>`;
}

function schemaSection(id: string, schema: JsonObject): Html {
  const fields = fieldsOf(schema);
  const told = prose(textIn(schema.description));
  return html`<article id="schema-${id}"><h3><a href="#schema-${id}">${id}</a></h3><p>${told}</p>${fields.text === '' ? html`<p>${typeOf(schema)}</p>` : fields}</article>`;
}
