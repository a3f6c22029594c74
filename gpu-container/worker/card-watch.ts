/**
 * What the card of a worker does, as its driver says, twice a minute: how busy it is, and how full. Told by `nvidia-smi`, which the
 * container toolkit puts into every container of the image (`utility`).
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Metrics } from '#core/observability/metrics.ts';
import type { Clock, Log } from '#core/ports.ts';

const run = promisify(execFile);

const mebibyte = 1024 * 1024;
const lookMs = 30_000;
/** It answers in a tenth of a second; a driver that hangs must not gather processes. */
const answerMs = 5_000;

export interface CardWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly pool: string;
  /** Such as `cuda:0`; nothing is watched on another kind. */
  readonly device: string;
  readonly stopping: AbortSignal;
  /** @default `nvidia-smi`, wherever the path finds it */
  readonly program?: string;
}

/** Resolves once `stopping` aborts, or at once where there is no card to be seen. Never rejects. */
export async function watchCard(options: CardWatchOptions): Promise<void> {
  const { clock, log, metrics, pool, device, stopping } = options;
  if (!device.startsWith('cuda')) return;
  while (!stopping.aborted) {
    try {
      const card = await readCard(options);
      metrics.tell('card.seen', card, { pool });
    } catch (error) {
      log.warn('card.not_seen', { pool, reason: String(error) });
      return;
    }
    await clock.sleep(lookMs, stopping);
  }
}

/** `37, 1024` in percent and MiB; a card that is shared may answer `[N/A]` for either. */
async function readCard({ device, program = 'nvidia-smi' }: CardWatchOptions) {
  const index = device.split(':')[1] ?? '0';
  const query = ['--query-gpu=utilization.gpu,memory.used', '--format=csv,noheader,nounits', `--id=${index}`];
  const { stdout } = await run(program, query, { timeout: answerMs });
  const [busy, memoryMib] = stdout.split(',').map(Number);
  return {
    card_busy_percent: finite(busy),
    card_memory_bytes: finite(memoryMib === undefined ? undefined : memoryMib * mebibyte),
  };
}

function finite(value: number | undefined): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
