/** Memory of another process, as the operating system counts it, and who goes first when there is none left. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const kibibyte = 1024;
const megabyte = 1_000_000;

/** MB (10^6 bytes), rounded up; null for a process that is gone. */
export async function residentMb(pid: number): Promise<number | null> {
  const kib = process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid);
  return kib === null ? null : Math.ceil((kib * kibibyte) / megabyte);
}

async function fromProc(pid: number): Promise<number | null> {
  const status = await orNull(readFile(`/proc/${pid}/status`, 'utf8'));
  return kibIn(/^VmRSS:\s+(\d+) kB$/m.exec(status ?? ''));
}

/** Where there is no /proc, as on macOS; POSIX counts `rss` in KiB. */
async function fromPs(pid: number): Promise<number | null> {
  const answer = await orNull(run('ps', ['-o', 'rss=', '-p', String(pid)]));
  return kibIn(/(\d+)/.exec(answer?.stdout ?? ''));
}

function kibIn(match: RegExpExecArray | null): number | null {
  return match?.[1] === undefined ? null : Number(match[1]);
}

/** A process that ended is the one reason for these to fail. */
async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  return await reading.catch(() => null);
}

/**
 * Has the kernel end this process, and children that it makes from now on, before any other of its container that runs out
 * of memory: a runner is started anew, and what started it would take all of them along. Any process may ask to go first.
 */
export async function offerToOomKiller(pid: number): Promise<void> {
  if (process.platform !== 'linux') return;
  await orNull(writeFile(`/proc/${pid}/oom_score_adj`, '1000'));
}
