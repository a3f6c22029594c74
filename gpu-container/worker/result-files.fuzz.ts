/** Properties of file names that a runner gives: none leads out of its batch's folder. */
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { runnerMessageSchema } from '../protocol/messages.ts';
import { readResultFiles } from './result-files.ts';

let root: string;
let scratchDir: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pilotlight-'));
  scratchDir = await mkdtemp(join(root, 'batch-'));
  await writeFile(join(root, 'secret'), 'of another batch');
  await symlink(join(root, 'secret'), join(scratchDir, 'link.png'));
});

afterAll(() => rm(root, { recursive: true }));

const piece = fc.constantFrom(
  '..',
  '.',
  '/',
  '\\',
  '\u0000',
  '%2e',
  'secret',
  'a',
  '0',
  '-',
  '_',
  'link.png',
  '~',
  ' ',
  'é',
  '\n',
);
const names = fc.oneof(
  fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

function fileOf(path: string) {
  return { path, contentType: 'image/png', bytes: 16, sha256: '0'.repeat(64), width: null, height: null };
}

describe('a file name of a runner', () => {
  it('that the protocol takes is the name of a file in the folder itself', () => {
    fc.assert(
      fc.property(names, (path) => {
        const message = {
          type: 'result',
          id: 'job',
          files: [fileOf(path)],
          seeds: [],
          unknownWords: [],
          gpuMs: 0,
        };
        if (!runnerMessageSchema.safeParse(message).success) return;

        expect(dirname(resolve('/scratch/batch-1', path))).toBe('/scratch/batch-1');
        expect(resolve('/scratch/batch-1', path)).toBe(`/scratch/batch-1/${path}`);
      }),
      budget(2_000),
    );
  });

  it('is never read from where no entry with the right hash is, links included', async () => {
    await fc.assert(
      fc.asyncProperty(names, async (path) => {
        const files = await readResultFiles(scratchDir, [fileOf(path)]).catch((error: unknown) => error);

        expect(files).toBeInstanceOf(Error);
        expect(String(files)).not.toContain('of another batch');
      }),
      budget(200),
    );
  });
});
