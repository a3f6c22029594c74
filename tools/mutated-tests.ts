/** For `mutate.ts` and `mutate-conditions.ts`: runs tests over sources that are changed as vitest loads them. */
import { join, relative, resolve } from 'node:path';
import { startVitest } from 'vitest/node';

export const root = resolve(import.meta.dirname, '..');

/** As in `vitest.config.ts`: one draw of the property tests a run. */
const seed = join(root, 'sim/property-seed.ts');
const timeoutMs = 60_000;

export interface MutatedTests {
  /** Absolute. */
  readonly tests: readonly string[];
  /** The source to load in place of a file, or undefined to leave it. */
  readonly sourceOf: (file: string) => string | undefined;
  readonly setupFiles?: readonly string[];
  /**
   * Full names of the tests to run.
   * @default all of them
   */
  readonly names?: readonly string[];
}

/** True when one of them fails. */
export async function fails({ tests, sourceOf, setupFiles = [], names }: MutatedTests): Promise<boolean> {
  const quiet = { reporters: [{ onInit: () => undefined }], watch: false, bail: 1, silent: true };
  // Without the config file: its projects take neither plugins nor setup files from here.
  const config = { config: false as const, root, testTimeout: timeoutMs, hookTimeout: timeoutMs };
  const plugin = {
    name: 'mutant',
    enforce: 'pre' as const,
    transform: (_code: string, id: string) => sourceOf(id),
  };
  const chosen = names === undefined ? {} : { testNamePattern: `^(${names.map(escaped).join('|')})$` };
  const filters = tests.map((each) => relative(root, each));
  const before = process.exitCode;
  const options = { ...quiet, ...config, ...chosen, setupFiles: [seed, ...setupFiles] };
  const vitest = await startVitest('test', filters, options, { plugins: [plugin] });
  const failed = vitest.state.getCountOfFailedTests() > 0 || vitest.state.getUnhandledErrors().length > 0;
  const broken = vitest.state.getTestModules().some((each) => each.state() === 'failed');
  await vitest.close();
  process.exitCode = before;
  return failed || broken;
}

function escaped(name: string): string {
  return name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
