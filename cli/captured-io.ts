/** For tests: a terminal that remembers what was written to it. */
import type { Io } from './session.ts';

export interface CapturedIo extends Io {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly interrupt: () => void;
}

export function captureIo(overrides: Partial<Io> = {}): CapturedIo {
  const controller = new AbortController();
  let stdout = '';
  let stderr = '';
  return {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
    isLive: false,
    env: {},
    cwd: '/',
    interrupted: controller.signal,
    stdout: () => stdout,
    stderr: () => stderr,
    interrupt: () => controller.abort(),
    ...overrides,
  };
}
