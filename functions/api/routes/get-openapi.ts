import { openapiDocument } from '#core/api/openapi.ts';
import { RawJson } from '../answer.ts';
import type { RouteHandler } from '../route-handler.ts';

/** Written once per process and version: the document does not change while it runs. */
const written = new Map<string, RawJson>();

export const getOpenapi: RouteHandler<'getOpenapi'> = async ({ version }) => {
  const body = written.get(version) ?? new RawJson(openapiDocument({ version }));
  written.set(version, body);
  return { status: 200, headers: { 'cache-control': 'public, max-age=300' }, body };
};
