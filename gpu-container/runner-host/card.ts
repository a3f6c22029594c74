/** What the driver of a card says: told by `nvidia-smi`, which the container toolkit puts into containers that ask for it (`utility`). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CardReading } from './runner-host.ts';

const run = promisify(execFile);

const mebibyte = 1024 * 1024;
/**
 * It answers in a tenth of a second. Where the driver hangs even its end waits for that, and this function with it: the next
 * look comes after this one, so that no processes gather.
 */
const answerMs = 5_000;

/**
 * Null on a device that is no card. Throws when the driver does not answer, and hangs where it cannot be told to stop.
 * @param program `nvidia-smi`, wherever the path finds it
 */
export async function readCard(device: string, program = 'nvidia-smi'): Promise<CardReading | null> {
  if (!device.startsWith('cuda')) return null;
  const index = device.split(':')[1] ?? '0';
  const query = ['--query-gpu=utilization.gpu,memory.used', '--format=csv,noheader,nounits', `--id=${index}`];
  const { stdout } = await run(program, query, { timeout: answerMs, killSignal: 'SIGKILL' });
  // `37, 1024` in percent and MiB; a card that is shared may answer `[N/A]` for either.
  const [busy, memoryMib] = stdout.split(',').map(Number);
  return {
    busyPercent: finite(busy),
    memoryBytes: finite(memoryMib === undefined ? undefined : memoryMib * mebibyte),
  };
}

function finite(value: number | undefined): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
