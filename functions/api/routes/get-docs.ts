import { createHash } from 'node:crypto';
import { PlainText } from '../answer.ts';
import type { RouteHandler } from '../route-handler.ts';

interface Page {
  readonly body: PlainText;
  /** What a browser may do with it: show it in its own style, which this names by its hash, and nothing else. */
  readonly policy: string;
}

/** Written once per process and version: the page does not change while it runs. */
const written = new Map<string, Page>();

export const getDocs: RouteHandler<'getDocs'> = async ({ version }) => {
  const { body, policy } = written.get(version) ?? (await write(version));
  const headers = { 'cache-control': 'public, max-age=300', 'content-security-policy': policy };
  return { status: 200, headers, body };
};

/** Loaded when it is asked for: the page is made of words that no other request needs. */
async function write(version: string): Promise<Page> {
  const [{ openapiDocument }, { referencePage }, { style }] = await Promise.all([
    import('#core/api/openapi.ts'),
    import('#core/api/reference/page.ts'),
    import('#core/api/reference/style.ts'),
  ]);
  const hash = createHash('sha256').update(style).digest('base64');
  const page = {
    body: new PlainText(referencePage(openapiDocument({ version })), 'text/html; charset=utf-8'),
    policy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
  written.set(version, page);
  return page;
}
