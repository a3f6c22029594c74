import { createHash } from 'node:crypto';
import { openapiDocument } from '#core/api/openapi.ts';
import { referencePage } from '#core/api/reference/page.ts';
import { style } from '#core/api/reference/style.ts';
import { PlainText } from '../answer.ts';
import type { RouteHandler } from '../route-handler.ts';

/** What a browser may do with the page: show it in its own style, which this names by its hash, and nothing else. */
const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Written once per process and version: the page does not change while it runs. */
const written = new Map<string, PlainText>();

export const getDocs: RouteHandler<'getDocs'> = async ({ version }) => {
  const body =
    written.get(version) ??
    new PlainText(referencePage(openapiDocument({ version })), 'text/html; charset=utf-8');
  written.set(version, body);
  const headers = { 'cache-control': 'public, max-age=300', 'content-security-policy': policy };
  return { status: 200, headers, body };
};
