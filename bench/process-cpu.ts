/** Processor time of a process and of all that it started, as Linux tells it. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel's unit towards programs, on every architecture that there is a Node for. */
const ticksPerSecond = 100;

/**
 * Milliseconds since each of them started, in user and kernel mode; those that ended count where their parent lives. Null where
 * the system does not tell.
 */
export function cpuMsOf(pid: number): number | null {
  try {
    return withChildren(pid).reduce((sum, each) => sum + ownMs(each), 0);
  } catch {
    // Another system, or the process is gone.
    return null;
  }
}

function withChildren(pid: number): number[] {
  // A process is the child of the thread that started it.
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(withChildren)];
}

function ownMs(pid: number): number {
  // The name of the program, in parentheses, may hold anything; utime is the twelfth field behind it.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return (ticks * 1000) / ticksPerSecond;
}
