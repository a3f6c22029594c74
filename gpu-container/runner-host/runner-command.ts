/** How the runner of a pool is started, by the engine that its manifests name. */
import { join } from 'node:path';
import { StartError } from '#core/errors.ts';
import type { Manifest } from '#core/models/manifest.ts';

const containerDir = join(import.meta.dirname, '..');

export interface PythonRuntime {
  /** A Python with the packages of `runtime/requirements.txt`. */
  readonly python?: string | undefined;
  /** As torch names it: `cpu`, `cuda`, `cuda:1`. */
  readonly device: string;
}

/**
 * Program and arguments, without those that every runner takes.
 * @throws StartError `invalid_environment` when the engine needs a Python and none is named
 */
export function runnerCommand(
  engine: Manifest['engine'],
  { python, device }: PythonRuntime,
): readonly string[] {
  if (engine !== 'python') {
    return [process.execPath, join(containerDir, 'engines', 'runner.ts'), '--engine', engine];
  }
  if (python === undefined) {
    throw new StartError('invalid_environment', 'PILOTLIGHT_PYTHON: must name the Python of the runtime');
  }
  return [python, join(containerDir, 'runtime', 'run.py'), '--device', device];
}
