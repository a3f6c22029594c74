/** Loads the product with one of the planted bugs in it. To be called before anything of the product is imported. */
import { registerHooks } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './planted/mutant.ts';

const root = dirname(dirname(import.meta.dirname));

/** @throws Error, as the file is loaded, when what the mutant breaks does not stand there exactly once */
export function plant({ name, file, find, replace }: Mutant): void {
  const target = pathToFileURL(join(root, file)).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== target) return loaded;
      const source = String(loaded.source);
      const found = source.split(find).length - 1;
      if (found !== 1) throw new Error(`mutant ${name}: its place stands ${found} times in ${file}`);
      return { ...loaded, source: source.replace(find, () => replace) };
    },
  });
}
