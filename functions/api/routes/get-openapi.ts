import { RawJson } from '../answer.ts';
import type { RouteHandler } from '../route-handler.ts';

/** Written once per process and version: the document does not change while it runs. */
const written = new Map<string, RawJson>();

export const getOpenapi: RouteHandler<'getOpenapi'> = async ({ version }) => {
  const body = written.get(version) ?? (await write(version));
  written.set(version, body);
  return { status: 200, headers: { 'cache-control': 'public, max-age=300' }, body };
};

/** Loaded when it is asked for: the document is made of words that no other request needs. */
async function write(version: string): Promise<RawJson> {
  const { openapiDocument } = await import('#core/api/openapi.ts');
  return new RawJson(openapiDocument({ version }));
}
