/**
 * Writes docs/openapi.json from the route table. With `--check` it writes nothing and exits with 1 when the committed
 * file is another.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { openapiDocument } from '#core/api/openapi.ts';
import packageJson from '../package.json' with { type: 'json' };

const file = new URL('../docs/openapi.json', import.meta.url);
const text = `${JSON.stringify(openapiDocument({ version: packageJson.version }), null, 2)}\n`;

if (process.argv.includes('--check')) {
  const committed = await readFile(file, 'utf8');
  if (committed !== text) {
    process.stderr.write('docs/openapi.json is not what the route table gives: run `npm run openapi`.\n');
    process.exitCode = 1;
  }
} else {
  await mkdir(new URL('.', file), { recursive: true });
  await writeFile(file, text);
}
