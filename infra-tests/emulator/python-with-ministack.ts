/** The Python that the emulator runs in: `PILOTLIGHT_PYTHON`, or the one of the checkout's virtual environment. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(dirname(import.meta.dirname));

export interface FoundPython {
  /** Null where there is none. */
  readonly python: string | null;
  /** Why there is none, or which one it is. */
  readonly reason: string;
}

export function pythonWithMinistack(env: NodeJS.ProcessEnv = process.env): FoundPython {
  const python = env.PILOTLIGHT_PYTHON ?? join(root, '.venv', 'bin', 'python');
  if (!existsSync(python)) return { python: null, reason: `there is no ${python}` };
  const launcher = join(import.meta.dirname, 'launcher.py');
  const { status, stdout, stderr } = spawnSync(python, [launcher, '--check'], { encoding: 'utf8' });
  return status === 0 ? { python, reason: stdout.trim() } : { python: null, reason: stderr.trim() };
}
