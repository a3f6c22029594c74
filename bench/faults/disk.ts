/**
 * A disk without room: a file system in memory that a file fills, where mounting is allowed (as root in a container);
 * else a limit on the size of the platform's files, which gives EFBIG where a full disk gives ENOSPC.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StackNotStarted } from '../local-stack.ts';
import type { Scene } from './scene.ts';

const chunk = Buffer.alloc(1024 * 1024);
const answerMsMax = 30_000;
const probeEveryMs = 50;

export interface Disk {
  readonly kind: 'tmpfs' | 'limit';
  fill(platformPid: number): void;
  free(platformPid: number): void;
  unmount(): void;
}

/** Mounts a small file system on the folder, or says how else a disk without room can be had. */
export function mountSmallDisk(folder: string, mib: number): Disk {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=700`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
  } catch {
    // No right to mount, or no such file systems here.
    return limitedFiles;
  }
  const filler = join(folder, 'filler');
  return {
    kind: 'tmpfs',
    fill: () => fillUp(filler),
    free: () => rmSync(filler, { force: true }),
    // Lazily: a process that was just killed may still hold a file.
    unmount: () => execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' }),
  };
}

const limitedFiles: Disk = {
  kind: 'limit',
  fill: (pid) => limit(pid, '0'),
  free: (pid) => limit(pid, 'unlimited'),
  unmount: () => undefined,
};

function limit(pid: number, bytes: string): void {
  // The soft limit alone: anybody may raise it again.
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);
}

function fillUp(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (let size = chunk.length; size >= 512; size = Math.floor(size / 2)) {
      while (tryWrite(file, size)) {
        // On to the last free block.
      }
    }
  } finally {
    closeSync(file);
  }
}

function tryWrite(file: number, size: number): boolean {
  try {
    return writeSync(file, chunk, 0, size) > 0;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}

/**
 * Fills the disk, waits until a submission is refused, and makes room. Half of the time the platform is killed while
 * the disk is full: it must not start then, and say why in one line.
 */
export async function fillDisk(scene: Scene, disk: Disk): Promise<void> {
  const pid = scene.stack.process.pid ?? 0;
  const isKilled = disk.kind === 'tmpfs' && scene.random() < 0.5;
  scene.count('disks filled');
  disk.fill(pid);
  try {
    await refused(scene);
    if (isKilled) await refuseToStart(scene);
  } finally {
    disk.free(pid);
  }
  if (isKilled) await scene.start();
}

/**
 * Every answer until then may be an acceptance (what was open had room) or none; no other refusal but 429: a gate that is
 * full refuses without a write, for as long as the disk keeps its jobs from ending.
 */
async function refused(scene: Scene): Promise<void> {
  const untilMs = performance.now() + answerMsMax;
  let last = 0;
  while (performance.now() < untilMs && !scene.ending.aborted) {
    const { status, code } = await scene.probe();
    last = status;
    if (status === 503 && code === 'unavailable') {
      scene.count('refused on a full disk');
      return;
    }
    if (status !== 0 && status !== 202 && status !== 429) {
      scene.broken(`on a full disk a submission was answered ${status} ${code}`);
      return;
    }
    await delay(probeEveryMs);
  }
  if (last === 429) scene.count('refused by a full gate on a full disk');
  else if (!scene.ending.aborted) scene.broken('on a full disk no submission was refused');
}

async function refuseToStart(scene: Scene): Promise<void> {
  await scene.kill();
  try {
    await scene.start();
    await scene.kill();
    scene.count('started on a full disk');
  } catch (error) {
    if (!(error instanceof StackNotStarted)) throw error;
    const lines = error.message.split('\n');
    if (error.exitCode === 2 && lines.length === 1 && /no room left/.test(error.message)) {
      scene.count('not started on a full disk');
    } else {
      scene.broken(`on a full disk a start ended with ${error.exitCode}: ${error.message}`);
    }
  }
}
