/** One operation of the reference page: what it takes, what it answers, and how it is called from a shell. */

import type { Json, JsonObject } from '../json.ts';
import { entriesIn, listIn, objectIn, textIn } from '../json.ts';
import type { Html } from './html.ts';
import { html, prose } from './html.ts';
import { fieldsOf, typeOf } from './schema.ts';

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly tag: string;
  readonly is: JsonObject;
}

export function sectionOf(operation: Operation): Html {
  const { id, method, path, is } = operation;
  return html`<article id="${id}">
<h3><a href="#${id}">${textIn(is.summary)}</a></h3>
<p class="call"><b class="${method.toLowerCase()}">${method}</b> <code>${path}</code> ${scopeOf(is)}</p>
${aboutOf(textIn(is.description))}${parametersOf(is)}${requestOf(is)}
<pre>${curlOf(operation)}</pre>
${entriesIn(is.responses).map(([status, answer]) => answerOf(status, answer))}
</article>`;
}

function aboutOf(text: string): Html {
  return text === '' ? html`` : html`<p>${prose(text)}</p>`;
}

function scopeOf(operation: JsonObject): Html {
  const scope = textIn(operation['x-scope']);
  return scope === '' ? html`<small>no key needed</small>` : html`<small>scope <code>${scope}</code></small>`;
}

function parametersOf({ parameters }: JsonObject): Html {
  const rows = listIn(parameters)
    .map(objectIn)
    .map(
      (each) =>
        html`<tr><td><code>${textIn(each.name)}</code> <small>${textIn(each.in)}${each.required === true ? ', required' : ''}</small></td><td>${typeOf(objectIn(each.schema))}</td><td>${prose(textIn(each.description))}</td></tr>`,
    );
  if (rows.length === 0) return html``;
  return html`<table><thead><tr><th>Parameter</th><th>Type</th><th>What it is</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function requestOf({ requestBody }: JsonObject): Html {
  const body = objectIn(requestBody);
  return html`${entriesIn(body.content).map(
    ([type, content]) =>
      html`<h4>Body, <code>${type}</code></h4><p>${typeOf(objectIn(content.schema))}. ${prose(textIn(body.description))}.</p>${fieldsOf(objectIn(content.schema))}`,
  )}`;
}

function answerOf(status: string, answer: JsonObject): Html {
  const content = entriesIn(answer.content);
  return html`<details><summary><b>${status}</b> ${prose(textIn(answer.description))}</summary>
${content.map(([type, { schema, example }]) => contentOf(type, objectIn(schema), example))}${headersOf(answer)}</details>`;
}

function contentOf(type: string, schema: JsonObject, example: Json | undefined): Html {
  const shown = example === undefined ? html`` : html`<pre>${JSON.stringify(example, null, 2)}</pre>`;
  const told = prose(textIn(schema.description));
  return html`<p><code>${type}</code>: ${typeOf(schema)}. ${told}</p>${fieldsOf(schema)}${shown}`;
}

function headersOf({ headers }: JsonObject): Html {
  const items = entriesIn(headers)
    .filter(([, header]) => header.description !== undefined)
    .map(
      ([name, header]) =>
        html`<tr><td><code>${name}</code></td><td>${prose(textIn(header.description))}</td></tr>`,
    );
  if (items.length === 0) return html``;
  return html`<table><thead><tr><th>Header</th><th>What it is</th></tr></thead><tbody>${items}</tbody></table>`;
}

/** A line for a shell with `PILOTLIGHT_URL` and `PILOTLIGHT_KEY` in its environment. */
function curlOf({ method, path, is }: Operation): string {
  const content = objectIn(objectIn(objectIn(is.requestBody).content)['application/json']);
  const lines = [
    `curl ${method === 'GET' ? '' : `-X ${method} `}"$PILOTLIGHT_URL${path}"`,
    ...(is['x-scope'] === undefined ? [] : ['-H "Authorization: Bearer $PILOTLIGHT_KEY"']),
    ...(content.example === undefined
      ? []
      : [
          `-H 'Content-Type: application/json'`,
          `-d '${JSON.stringify(content.example).replaceAll("'", "'\\''")}'`,
        ]),
  ];
  return lines.join(' \\\n  ');
}
