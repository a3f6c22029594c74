/**
 * Removes a folder whose owner is not trusted and may still write to it: a runner, or what is left of one. By path that
 * could be led astray. Between the look at a subfolder and the removal of what is in it, a link could take its place, to
 * weights say, which a worker may remove and a runner may not. So on Linux each folder is opened, through no link, and
 * what is in it is named by the open folder, which stays the same wherever its owner moves it. Other systems have neither such
 * names nor a wall that would keep native code in a runner from removing the same itself.
 */
import { constants } from 'node:fs';
import { open, readdir, rm, rmdir, unlink } from 'node:fs/promises';

/** Each level holds a file of this process open. Nothing that an engine or a compiler makes is nested so deep. */
const levelsMax = 32;

const openFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Of a link it removes the link, and nothing is left to do of what is not there. Throws for what could not be removed. */
export async function removeFolder(path: string): Promise<void> {
  if (process.platform === 'linux') await remove(path, levelsMax);
  else await rm(path, { recursive: true, force: true });
}

async function remove(path: string, levels: number): Promise<void> {
  try {
    await unlink(path);
  } catch (err) {
    const code = err instanceof Error && 'code' in err ? err.code : '';
    if (code === 'ENOENT') return;
    if (code !== 'EISDIR') throw err;
    await empty(path, levels);
    await rmdir(path);
  }
}

async function empty(path: string, levels: number): Promise<void> {
  if (levels === 0) throw new Error(`a folder is nested more than ${levelsMax} levels deep`);
  const folder = await open(path, openFlags);
  try {
    const inside = `/proc/self/fd/${folder.fd}`;
    for (const name of await readdir(inside)) await remove(`${inside}/${name}`, levels - 1);
  } finally {
    await folder.close();
  }
}
