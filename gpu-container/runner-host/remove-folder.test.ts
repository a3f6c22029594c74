import { existsSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { removeFolder } from './remove-folder.ts';

const filesCount = 2_000;

/** A folder of a runner, and weights beside it, with files of the same names. */
async function openDisk() {
  const root = await mkdtemp(join(tmpdir(), 'pl-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const [batch, weights] = [join(root, 'batch-1'), join(root, 'weights')];
  for (const folder of [join(batch, 'previews'), weights]) {
    await mkdir(folder, { recursive: true });
    for (let i = 0; i < filesCount; i += 1) await writeFile(join(folder, String(i)), '');
  }
  return { root, batch, weights };
}

describe('removing a folder of a runner', () => {
  it('leaves nothing of it, however its files are named and nested', async () => {
    const { root, batch } = await openDisk();
    await mkdir(join(batch, 'a', 'b', ' '), { recursive: true });
    await writeFile(join(batch, 'a', 'b', ' ', '.hidden\n'), '');

    await removeFolder(batch);

    expect(await readdir(root)).toEqual(['weights']);
  });

  it('has nothing to do where there is none', async () => {
    await expect(removeFolder('/nowhere/batch-1')).resolves.toBeUndefined();
  });

  it('removes links and not what they lead to', async () => {
    const { root, batch, weights } = await openDisk();
    await symlink(weights, join(batch, 'link'));
    await symlink(weights, join(root, 'batch-2'));

    await removeFolder(batch);
    await removeFolder(join(root, 'batch-2'));

    expect(await readdir(root)).toEqual(['weights']);
    expect(await readdir(weights)).toHaveLength(filesCount);
  });

  it.skipIf(process.platform !== 'linux')(
    'removes nothing of what a subfolder is swapped for meanwhile',
    async () => {
      const { batch, weights } = await openDisk();
      const subfolder = join(batch, 'previews');

      const removal = removeFolder(batch).catch(() => undefined);
      while (existsSync(subfolder) && readdirSync(subfolder).length === filesCount) await nextTurn();
      renameSync(subfolder, join(batch, 'moved'));
      symlinkSync(weights, subfolder);
      await removal;

      expect(await readdir(weights)).toHaveLength(filesCount);
    },
  );

  it.skipIf(process.platform !== 'linux')(
    'opens no more files than it has, however deep a runner nests its folders',
    async () => {
      const { batch } = await openDisk();
      await mkdir(join(batch, ...Array<string>(40).fill('d')), { recursive: true });

      await expect(removeFolder(batch)).rejects.toThrow('levels deep');
    },
  );
});
