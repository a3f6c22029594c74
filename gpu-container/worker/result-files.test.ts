import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ResultFile } from '../protocol/messages.ts';
import { readResultFiles } from './result-files.ts';

const body = Buffer.from('picture');

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pl-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

function entryOf(changes: Partial<ResultFile> = {}): ResultFile {
  const sha256 = createHash('sha256').update(body).digest('hex');
  const bytes = body.byteLength;
  return { path: '0-0.png', contentType: 'image/png', bytes, sha256, width: 2, height: 3, ...changes };
}

describe('reading the files of a result', () => {
  it('returns each body as its entry describes it', async () => {
    const dir = await folder();
    await writeFile(join(dir, '0-0.png'), body);
    await writeFile(join(dir, '0-1.txt'), body);
    const text = entryOf({ path: '0-1.txt', contentType: 'text/plain', width: null, height: null });

    const files = await readResultFiles(dir, [entryOf(), text]);

    const { sha256 } = entryOf();
    expect(files).toEqual([
      { type: 'image', contentType: 'image/png', body, sha256, width: 2, height: 3 },
      { type: 'text', contentType: 'text/plain', body, sha256 },
    ]);
  });

  it.each([
    ['another hash', { sha256: '0'.repeat(64) }],
    ['another length', { bytes: body.byteLength + 1 }],
    ['a length past the limit', { bytes: 2 ** 40 }],
    ['no file behind it', { path: 'missing.png' }],
  ])('refuses an entry with %s', async (_, changes) => {
    const dir = await folder();
    await writeFile(join(dir, '0-0.png'), body);

    await expect(readResultFiles(dir, [entryOf(changes)])).rejects.toThrow();
  });

  it('follows no link, because a runner could point it at what only the worker may read', async () => {
    const dir = await folder();
    const outside = join(await folder(), 'secret');
    await writeFile(outside, body);
    await symlink(outside, join(dir, '0-0.png'));

    await expect(readResultFiles(dir, [entryOf()])).rejects.toThrow('ELOOP');
  });

  it('waits for nobody to write to a pipe, on any of its threads', async () => {
    const dir = await folder();
    const pipe = join(dir, '0-0.png');
    execFileSync('mkfifo', [pipe]);
    onTestFinished(() => void execFileSync('/bin/sh', ['-c', 'exec 3<> "$1"', 'sh', pipe]));
    const empty = entryOf({ bytes: 0, sha256: createHash('sha256').digest('hex') });
    // Of Node's four threads each would wait for ever.
    const readings = Array.from({ length: 4 }, () => readResultFiles(dir, [empty]));

    const outcomes = await Promise.allSettled(readings);

    expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
  });

  it('refuses a folder', async () => {
    const dir = await folder();
    await mkdir(join(dir, '0-0.png'));
    const { size } = await stat(join(dir, '0-0.png'));

    await expect(readResultFiles(dir, [entryOf({ bytes: size })])).rejects.toThrow('is no file');
  });

  // As one that grows while it is read: the system says it has none.
  it.skipIf(process.platform !== 'linux')('refuses a file with more bytes than it says it has', async () => {
    const reading = readResultFiles('/proc/self', [entryOf({ path: 'status', bytes: 0 })]);

    await expect(reading).rejects.toThrow('more than the 0 bytes');
  });
});
