/**
 * Writes what is generated of the TypeScript client: the types of every path that is this API's own, from its OpenAPI document,
 * and which calls may be sent again. With `--check` it writes nothing and exits with 1 when a committed file is another.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openapiDocument } from '#core/api/openapi.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { ClientDocument, Operation } from './client-document.ts';
import { clientDocument } from './client-document.ts';

const folder = fileURLToPath(new URL('../clients/typescript', import.meta.url));
// Of the client's own dependencies: it needs a TypeScript with an API in JavaScript.
const generator = join(folder, 'node_modules/openapi-typescript/bin/cli.js');

const document = clientDocument(openapiDocument({ version: packageJson.version }));
const stale: string[] = [];
await put('schema.ts', await typesOf(document));
await put('calls.ts', callsOf(document));
if (stale.length > 0) {
  process.stderr.write(`Not what the route table gives: ${stale.join(', ')}. Run \`npm run client\`.\n`);
  process.exitCode = 1;
}

async function put(name: string, text: string): Promise<void> {
  const file = join(folder, 'src', name);
  if (!process.argv.includes('--check')) await writeFile(file, text);
  else if ((await readFile(file, 'utf8').catch(() => null)) !== text)
    stale.push(`clients/typescript/src/${name}`);
}

async function typesOf(whole: ClientDocument): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'pilotlight-client-'));
  try {
    const [from, to] = [join(scratch, 'openapi.json'), join(scratch, 'schema.ts')];
    await writeFile(from, JSON.stringify(whole));
    const options = [
      '--output',
      to,
      '--root-types',
      '--root-types-no-schema-prefix',
      '--default-non-nullable=false',
    ];
    const made = spawnSync(process.execPath, [generator, from, ...options], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`openapi-typescript failed: ${made.stderr}`);
    return await readFile(to, 'utf8');
  } finally {
    await rm(scratch, { recursive: true });
  }
}

function callsOf({ paths }: ClientDocument): string {
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      call: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  const listOf = (isIn: (operation: Operation) => boolean) =>
    calls.flatMap(({ call, operation }) => (isIn(operation) ? [`  '${call}',\n`] : [])).join('');
  const keyed = listOf(({ parameters = [] }) => parameters.some(({ name }) => name === 'Idempotency-Key'));
  const idempotent = listOf((operation) => operation['x-idempotent'] === true);
  return `/** Generated from the table of routes: \`npm run client\`. */

/** Calls that take an Idempotency-Key: sent again with the same one, they are answered as before. */
export const keyed: ReadonlySet<string> = new Set([
${keyed}]);

/** Calls of which a second one has no effect of its own. */
export const idempotent: ReadonlySet<string> = new Set([
${idempotent}]);
`;
}
