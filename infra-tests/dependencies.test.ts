/** What we depend on: pinned, with a hash, under a licence that lets people run this in their own account. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';

const root = dirname(import.meta.dirname);

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      integrity: z.string().optional(),
      /** Comes inside another package, under that one's hash. */
      inBundle: z.boolean().default(false),
    }),
  ),
});
const projectSchema = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
  optionalDependencies: z.record(z.string(), z.string()),
});

const permissive = new Set(['MIT', 'Apache-2.0', 'ISC', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'CC0-1.0']);

/** Under other licences, and why that is no matter here. */
const excepted: readonly (readonly [name: RegExp, licence: string, why: string])[] = [
  [
    /^@img\/sharp-/,
    'LGPL-3.0-or-later',
    'libvips: a shared library, linked at run time, that anybody can replace',
  ],
  [/^lightningcss/, 'MPL-2.0', 'part of the test runner, shipped to nobody'],
];

const { packages } = lockSchema.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));
const project = projectSchema.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
const installed = Object.entries(packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({ name: path.split('node_modules/').at(-1) ?? path, ...entry }));

describe('dependencies', () => {
  it('are found at all', () => {
    expect(installed.length).toBeGreaterThan(100);
  });

  it('are asked for by one version each, never by a range', () => {
    const { dependencies, devDependencies, optionalDependencies } = project;
    const asked = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });

    expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it('carry a hash that npm holds them to', () => {
    const own = installed.filter(({ inBundle }) => !inBundle);

    expect(own.filter(({ integrity }) => !integrity?.startsWith('sha512-')).map(({ name }) => name)).toEqual(
      [],
    );
  });

  it('have a licence of the list, or an exception with its reason', () => {
    const others = installed.filter(({ name, license = '' }) => !isAllowed(name, license));

    expect(others.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
  });

  it('have no exception that nothing needs', () => {
    const unused = excepted.filter(([name]) => !installed.some((each) => name.test(each.name)));

    expect(unused).toEqual([]);
  });
});

/** `A OR B`: one of them is enough. `A AND B`: each must be. */
function isAllowed(name: string, licence: string): boolean {
  const plain = licence.replaceAll(/[()]/g, '');
  const isFine = (each: string) =>
    permissive.has(each) || excepted.some(([pattern, other]) => pattern.test(name) && other === each);
  return plain.split(' OR ').some((choice) => choice.split(' AND ').every(isFine));
}
