import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { closureOf, targetsOf } from './closure.ts';
import { foldersOf, keepOnly } from './keep-packages.ts';

function openTree(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'pilotlight-image-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const packageOf = (fields: object) => JSON.stringify(fields);

it('what a program imports is followed through files, aliases, later imports and threads, and types are not', () => {
  const root = openTree({
    'package.json': packageOf({ imports: { '#core/*': './core/*' } }),
    'main.ts':
      "import { a } from './a.ts';\nimport type { B } from 'types-only';\nconst c = await import('#core/c.ts');\n",
    'a.ts':
      "import {\n  one,\n  two,\n} from '@scope/name/deep';\nimport 'node:fs';\nexport const a = new Worker(new URL('./thread.ts', import.meta.url));\n",
    'core/c.ts': "export { d } from 'plain';\n",
    'thread.ts': 'export {};\n',
  });

  const { files, packages } = closureOf(root, ['main.ts']);

  expect([...files].toSorted()).toEqual(['a.ts', 'core/c.ts', 'main.ts', 'thread.ts']);
  expect([...packages].toSorted()).toEqual(['@scope/name', 'plain']);
});

it('a file that is imported and not there is told', () => {
  const root = openTree({ 'package.json': packageOf({ imports: {} }), 'main.ts': "import './gone.ts';\n" });

  expect(() => closureOf(root, ['main.ts'])).toThrow('gone.ts');
});

it('words that look like imports within a text are none', () => {
  expect(targetsOf("const text = `\n  import x from 'never'`;\n")).toEqual([]);
});

it('packages stay with what they need, and nothing else does', () => {
  const root = openTree({
    'node_modules/kept/package.json': packageOf({
      dependencies: { shared: '2' },
      optionalDependencies: { other: '1' },
    }),
    'node_modules/kept/node_modules/shared/package.json': packageOf({
      peerDependencies: { '@scope/peer': '1' },
    }),
    'node_modules/shared/package.json': packageOf({}),
    'node_modules/@scope/peer/package.json': packageOf({}),
    'node_modules/@scope/gone/package.json': packageOf({}),
    'node_modules/.bin/kept': '',
  });

  const keep = foldersOf(root, ['kept']);
  keepOnly(root, keep);

  expect([...keep].toSorted()).toEqual([
    'node_modules/@scope/peer',
    'node_modules/kept',
    'node_modules/kept/node_modules/shared',
  ]);
  for (const folder of keep) expect(existsSync(join(root, folder, 'package.json'))).toBe(true);
  for (const folder of ['shared', '@scope/gone', '.bin'])
    expect(existsSync(join(root, 'node_modules', folder))).toBe(false);
});

it('libraries for other systems go', () => {
  const { platform, arch } = process;
  const bin = 'node_modules/onnxruntime-node/bin/napi-v6';
  const own = `${bin}/${platform}/${arch}/library`;
  const foreign = [`${bin}/plan9/${arch}/library`, `${bin}/${platform}/vax/library`];
  const root = openTree({
    'node_modules/onnxruntime-node/package.json': packageOf({}),
    ...Object.fromEntries([own, ...foreign].map((path) => [path, ''])),
  });

  keepOnly(root, foldersOf(root, ['onnxruntime-node']));

  expect([own, ...foreign].map((path) => existsSync(join(root, path)))).toEqual([true, false, false]);
});
