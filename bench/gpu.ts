/**
 * What a GPU does with models of full size: runs only where one is, and says so where none is. Speed and memory do not depend
 * on the values of weights, so they are random and nothing is downloaded (`gpu-container/runtime/bench`).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readManifests } from '#aws/manifest-files.ts';
import type { Bench } from './bench.ts';
import { FlagError, wholeFlag } from './bench.ts';
import type { Line } from './gpu-report.ts';
import { lineSchema, notMeasured, reportOf } from './gpu-report.ts';

const root = join(import.meta.dirname, '..');
const container = join(root, 'gpu-container');

/** `--python FILE` has torch, diffusers and transformers; `--tiny` tries the benchmark itself with tiny models. */
export const gpuBench: Bench = async (flags) => {
  const { python = join(root, '.venv', 'bin', 'python') } = flags;
  if (typeof python !== 'string') throw new FlagError('--python must name a Python');
  const rounds = ['--rounds', String(wholeFlag(flags, 'rounds', 5))];
  // Without torch there is no card to be seen either.
  if (flags.python === undefined && !existsSync(python)) return notMeasured;
  const lines = await measure(python, flags.tiny === true ? ['--tiny', ...rounds] : rounds);
  return reportOf(lines, await readManifests(join(container, 'models')));
};

async function measure(python: string, options: readonly string[]): Promise<Line[]> {
  const script = join(container, 'runtime', 'bench', 'main.py');
  const child = spawn(python, [script, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines: Line[] = [];
  for await (const line of createInterface(child.stdout)) {
    process.stderr.write(`${line}\n`);
    lines.push(lineSchema.parse(JSON.parse(line)));
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`the benchmark ended with ${code} after ${lines.length} lines`);
  return lines;
}
