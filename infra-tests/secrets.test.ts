/** No key of ours, of AWS or of a forge lies in the repository. Its history is for a scanner such as gitleaks. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newKey } from '#aws/new-key.ts';
import { keyIdOf } from '#core/tenancy/api-key.ts';

const root = dirname(import.meta.dirname);

/** Forms after the providers' own documents and gitleaks' rules of the same names. */
const patterns: readonly (readonly [name: string, form: RegExp, counts?: (found: string) => boolean])[] = [
  // One that is only shaped like a key has a wrong checksum.
  [
    'pilotlight key',
    /\bplk_[0-9a-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\b/g,
    (found) => keyIdOf(found) !== null,
  ],
  ['aws access key', /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g, (found) => !found.endsWith('EXAMPLE')],
  ['aws secret key', /aws_?secret_?access_?key["']?\s*[:=]\s*["']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])/gi],
  ['private key', /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}/g],
  ['github token', /\bgh[pousr]_[A-Za-z0-9]{36}\b/g],
  ['npm token', /\bnpm_[A-Za-z0-9]{36}\b/g],
];

/** Written when a stack starts, with live keys in them. */
const neverTracked = /(^|\/)(credentials|secrets|tenant-ports)\.json$|(^|\/)\.env$|\.pem$/;

const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  // One that was just removed is still listed.
  .filter((file) => file !== '' && existsSync(join(root, file)));

describe('the files of the repository', () => {
  it('are found at all', () => {
    expect(tracked.length).toBeGreaterThan(500);
  });

  it('hold no key', () => {
    const found = tracked.flatMap((file) =>
      keysIn(readFileSync(join(root, file), 'latin1')).map((name) => `${file}: ${name}`),
    );

    expect(found).toEqual([]);
  });

  it('are none that a running stack keeps its keys in', () => {
    expect(tracked.filter((file) => neverTracked.test(file))).toEqual([]);
  });
});

describe('a key in a file would be caught', () => {
  const secretOfAws = `${'aB3/'.repeat(10)}`;
  it.each([
    ['pilotlight key', newKey('a pepper').secret],
    ['aws access key', `AKIA${'Q2'.repeat(8)}`],
    ['aws secret key', `aws_secret_access_key = ${secretOfAws}`],
    ['private key', `${'-----'}BEGIN RSA PRIVATE KEY-----\n${'Ab+/'.repeat(16)}`],
    ['github token', `ghp_${'a1B2'.repeat(9)}`],
    ['npm token', `npm_${'a1B2'.repeat(9)}`],
  ])('%s', (name, text) => {
    expect(keysIn(`const it = "${text}";`)).toEqual([name]);
  });

  it('but not what only looks like one', () => {
    const shaped = `plk_abcdefgh_${'a'.repeat(43)}_000000`;

    expect(keysIn(`${shaped} AKIAIOSFODNN7EXAMPLE`)).toEqual([]);
  });
});

function keysIn(text: string): string[] {
  return patterns.flatMap(([name, form, counts = () => true]) =>
    [...text.matchAll(form)].filter(([found]) => counts(found)).map(() => name),
  );
}
