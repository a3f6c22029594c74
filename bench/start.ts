/** From nothing to serving, from zero workers to a picture, and what idling costs. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { median } from './bench.ts';
import { startLocalStack } from './local-stack.ts';

const repetitions = 5;
const idleTimeoutSeconds = 2;
const idleWatchMs = 20_000;
/** Ticks of /proc/<pid>/stat in a second: sysconf(_SC_CLK_TCK), 100 on every Linux. */
const ticksPerSecond = 100;

interface Round {
  readonly servingMs: number;
  readonly pictureMs: number;
  readonly bareNodeMs: number;
}

export const startBench: Bench = async () => {
  const rounds: Round[] = [];
  // The first round fills the compile cache, as a user's first start does; it is a row of its own.
  const dataDir = mkdtempSync(join(tmpdir(), 'pilotlight-bench-'));
  try {
    for (let count = 0; count <= repetitions; count += 1) rounds.push(await oneRound(dataDir));
    const idle = await watchIdle(dataDir);
    const [first, ...later] = rounds;
    const serving = median(later.map(({ servingMs }) => servingMs));
    const picture = median(later.map(({ pictureMs }) => pictureMs));
    const bare = median(later.map(({ bareNodeMs }) => bareNodeMs));
    return {
      rows: [
        row('serving, first start', first?.servingMs ?? 0, '3000'),
        row(
          'serving',
          serving,
          '3000',
          later.map(({ servingMs }) => servingMs),
        ),
        row('picture from zero workers, first start', first?.pictureMs ?? 0, '3000'),
        row(
          'picture from zero workers',
          picture,
          '3000',
          later.map(({ pictureMs }) => pictureMs),
        ),
        row(
          'bare node, start to exit',
          bare,
          '-',
          later.map(({ bareNodeMs }) => bareNodeMs),
        ),
        { what: 'serving / bare node', value: (serving / bare).toFixed(1), unit: 'x', bar: '-', range: '' },
        { what: 'idle CPU over 20 s', value: idle.cpuPercent.toFixed(2), unit: '%', bar: '1', range: '' },
        { what: 'workers when idle', value: idle.workers, unit: '', bar: '0', range: '' },
      ],
      failures: [
        ...(serving > 3_000 ? [`serving took ${serving} ms`] : []),
        ...(picture > 3_000 ? [`the first picture took ${picture} ms`] : []),
        ...(idle.cpuPercent > 1 ? [`idle CPU was ${idle.cpuPercent} %`] : []),
        ...(idle.workers > 0 ? [`${idle.workers} workers were left`] : []),
      ],
    };
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
};

async function oneRound(dataDir: string): Promise<Round> {
  const bareAtMs = performance.now();
  execFileSync(process.execPath, ['-e', '0']);
  const startedAtMs = performance.now();
  const stack = await startLocalStack(dataDir);
  const servingAtMs = performance.now();
  await stack.line(/picture:/);
  const pictureAtMs = performance.now();
  await stack.stop();
  return {
    servingMs: Math.round(servingAtMs - startedAtMs),
    pictureMs: Math.round(pictureAtMs - servingAtMs),
    bareNodeMs: Math.round(startedAtMs - bareAtMs),
  };
}

/** After a job, past the idle time-out: what is left running, and how much of a core it takes. */
async function watchIdle(dataDir: string): Promise<{ cpuPercent: number; workers: number }> {
  const stack = await startLocalStack(dataDir, ['--idle-timeout', String(idleTimeoutSeconds)]);
  await stack.line(/picture:/);
  while (stack.workerIds().length > 0) await delay(100);
  const before = cpuTicks(stack.process.pid);
  await delay(idleWatchMs);
  const seconds = (cpuTicks(stack.process.pid) - before) / ticksPerSecond;
  const workers = stack.workerIds().length;
  await stack.stop();
  return { cpuPercent: (100 * seconds) / (idleWatchMs / 1000), workers };
}

/** User and system time of a process, fields 14 and 15 of proc(5). */
function cpuTicks(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function row(what: string, value: number, bar: string, all: readonly number[] = []) {
  const range = all.length === 0 ? '' : `${Math.min(...all)}..${Math.max(...all)}`;
  return { what, value: Math.round(value), unit: 'ms', bar, range };
}
