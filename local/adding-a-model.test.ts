/**
 * docs/adding-a-model.md, done: its `sh` blocks run in their order, in a folder that has what a checkout has. `npm` and
 * `npx` stand for the same programs without an installation, and the port is a free one.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { manifestSchema } from '#core/models/manifest.ts';

const root = dirname(import.meta.dirname);
const page = readFileSync(join(root, 'docs', 'adding-a-model.md'), 'utf8');

/** Contents of fenced blocks of a language. */
function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, body = '']) => body,
  );
}

describe('a model is added by what the page says', () => {
  let home: string;
  let platform: ChildProcess | null = null;
  const [folder = '', alone = '', serve = '', use = ''] = blocks('sh');
  const [manifest = ''] = blocks('json');

  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'pilotlight-model-'));
    for (const name of ['gpu-container', 'node_modules']) symlinkSync(join(root, name), join(home, name));
    mkdirSync(join(home, 'bin'));
    program('npm', `shift 2; exec "${process.execPath}" "${root}/local/main.ts" "$@" --port 0`);
    program('npx', `shift; exec "${process.execPath}" "${root}/cli/pilotlight.mjs" "$@"`);
  });

  afterAll(async () => {
    if (platform !== null) {
      platform.kill('SIGTERM');
      await once(platform, 'close');
    }
    rmSync(home, { recursive: true });
  });

  it('has a step for each: folder, manifest, a try, the platform, a picture', () => {
    expect(blocks('sh')).toHaveLength(4);
    expect(blocks('json')).toHaveLength(1);
  });

  it('loads and runs each size by itself', async () => {
    await run(folder);
    writeFileSync(join(home, 'my-models', 'shapes-poster', 'manifest.json'), manifest);

    const report = JSON.parse(await run(alone));

    expect(report).toMatchObject({
      pool: 'posters',
      models: [{ kind: 'ready', model: 'shapes-poster', shapes: [{ shape: '512 px' }] }],
    });
  });

  it('is served by the platform, which draws a picture with it', async () => {
    platform = shell(serve);
    const said = await untilSaid(platform, 'Ctrl-C stops it');

    const shown = await run(use);

    expect(said).toContain('Pilotlight serves at');
    expect(shown).toContain('Shapes, poster size');
    const picture = readFileSync(join(home, 'poster.png'));
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    // Width and height of a PNG stand at bytes 16 and 20.
    expect([picture.readUInt32BE(16), picture.readUInt32BE(20)]).toEqual([512, 512]);
  }, 240_000);

  function program(name: string, line: string): void {
    writeFileSync(join(home, 'bin', name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(home, 'bin', name), 0o755);
  }

  function shell(script: string): ChildProcess {
    const env = { ...process.env, PATH: `${join(home, 'bin')}:${process.env.PATH}`, HOME: home };
    // One process, so that a signal reaches the platform and not a shell around it.
    const line = script.startsWith('npm start') ? `exec ${script}` : script;
    return spawn('sh', ['-e', '-c', line], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async function run(script: string): Promise<string> {
    const child = shell(script);
    if (child.stdout === null || child.stderr === null) throw new Error('has no output');
    const [[code], output, errors] = await Promise.all([
      once(child, 'close'),
      text(child.stdout),
      text(child.stderr),
    ]);
    if (code !== 0) throw new Error(`${script}ended with ${code}: ${errors}`);
    return output;
  }

  async function untilSaid(child: ChildProcess, words: string): Promise<string> {
    let said = '';
    for await (const chunk of child.stdout ?? []) {
      said += chunk;
      if (said.includes(words)) return said;
    }
    throw new Error(`it ended without "${words}": ${said}`);
  }
});

describe('the commands for weights of a large model', () => {
  const commands = page.slice(page.indexOf('## Weights of a large model'));
  const named = (pattern: RegExp) => [...commands.matchAll(pattern)].map(([, ...parts]) => parts);
  const manifestOf = (model = '') =>
    JSON.parse(readFileSync(join(root, 'gpu-container', 'models', model, 'manifest.json'), 'utf8'));

  it('name models by the folders of their manifests, and in the bucket by their revisions', () => {
    const folders = named(/(?:\.\.|gpu-container)\/models\/([^/\s]+)/g);
    const keys = named(/s3:\/\/BUCKET\/models\/([^/\s]+)\/([^/\s]+)\/weights/g);

    expect([folders.length, keys.length]).toEqual([4, 2]);
    for (const [model] of folders) expect(manifestOf(model)).toMatchObject({ id: model, engine: 'python' });
    for (const [model, revision] of keys) expect(manifestOf(model)).toMatchObject({ id: model, revision });
  });
});

describe('the table of the manifest', () => {
  const rows = new Map(
    [...page.matchAll(/^\| `([^`]+)` \| (yes|no) \| (.*) \|$/gm)].map(
      ([, field = '', required, meaning = '']) => [field, { isRequired: required === 'yes', meaning }],
    ),
  );
  const fields = fieldsOf(z.toJSONSchema(manifestSchema, { io: 'input' }));

  it('holds every field of the schema, and none of its own', () => {
    expect(fields.size).toBeGreaterThan(30);
    expect([...rows.keys()].toSorted()).toEqual([...fields.keys()].toSorted());
  });

  it('says of each whether it is required', () => {
    const wrong = [...fields].filter(([field, { isRequired }]) => rows.get(field)?.isRequired !== isRequired);

    expect(wrong.map(([field]) => field)).toEqual([]);
  });

  it('names every value of those that take some only', () => {
    const missing = [...fields].flatMap(([field, { values }]) =>
      values
        .filter((value) => !rows.get(field)?.meaning.includes(`\`${value}\``))
        .map((value) => `${field}: ${value}`),
    );

    expect(missing).toEqual([]);
  });

  it('and the example names no field that there is not', () => {
    expect(manifestSchema.safeParse(JSON.parse(blocks('json')[0] ?? ''))).toMatchObject({ success: true });
  });
});

interface Field {
  readonly isRequired: boolean;
  /** Of an enumeration or a constant. */
  readonly values: readonly string[];
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
}

/** Fields by path; of a choice, those of every branch, required where every branch requires them. */
function fieldsOf(schema: object, prefix = ''): Map<string, Field> {
  // The parts of a JSON Schema that are looked at, each of which may be absent.
  const { properties = {}, required = [], items, anyOf = [], oneOf = [] }: Schema = schema;
  const fields = new Map<string, Field>();
  for (const [name, property] of Object.entries(properties)) {
    fields.set(`${prefix}${name}`, { isRequired: required.includes(name), values: valuesOf(property) });
    for (const [path, field] of fieldsOf(property, `${prefix}${name}.`)) fields.set(path, field);
  }
  if (items !== undefined) {
    for (const [path, field] of fieldsOf(items, `${prefix.slice(0, -1)}[].`)) fields.set(path, field);
  }
  const branches = [...anyOf, ...oneOf].map((branch) => fieldsOf(branch, prefix));
  for (const path of new Set(branches.flatMap((branch) => [...branch.keys()]))) {
    const found = branches.map((branch) => branch.get(path));
    fields.set(path, {
      isRequired: found.every((field) => field?.isRequired === true),
      values: found.flatMap((field) => field?.values ?? []),
    });
  }
  return fields;
}

function valuesOf(schema: Schema): string[] {
  const only = schema.const === undefined ? [] : [schema.const];
  return [...(schema.enum ?? []), ...only].map(String);
}
