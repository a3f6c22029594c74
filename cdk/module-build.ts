/** How an entry becomes what is deployed: told apart from the constructs, so that tests build the same. */
import { dirname, join } from 'node:path';
import type { BuildOptions } from 'esbuild';

const root = dirname(import.meta.dirname);

/**
 * `index.mjs` in the folder `outdir`, and below `parts/` what is imported on demand: a cold start parses what it runs and no
 * more. The AWS SDK brings most of them, its ways to credentials that Lambda has none of.
 *
 * @param file the entry, from the root of the repository
 */
export function moduleBuild(file: string, outdir: string) {
  return {
    entryPoints: { index: join(root, file) },
    outdir,
    outExtension: { '.js': '.mjs' },
    // By what they hold: the same source is the same bytes under the same names.
    chunkNames: 'parts/[hash]',
    splitting: true,
    // Names of paths within the module must not depend on where the command is called from.
    absWorkingDir: root,
    bundle: true,
    // The SDK names it in code for browsers, which splitting keeps as a part that nobody loads.
    external: ['bowser'],
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    logLevel: 'warning',
  } as const satisfies BuildOptions;
}
