import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createRecordingMetrics } from '#sim/memory/recording-metrics.ts';
import { readCard } from '../runner-host/card.ts';
import type { CardReading } from '../runner-host/runner-host.ts';
import { watchCard } from './card-watch.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pl-card-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Looks once: the watch is stopped as its first look is told. */
async function lookOnce(answer: string, device = 'cuda:1') {
  const program = join(folder, 'nvidia-smi');
  await writeFile(program, `#!/bin/sh\n${answer}\n`);
  await chmod(program, 0o700);
  const stopping = new AbortController();
  const told = createRecordingMetrics();
  const log = createRecordingLog();
  const metrics: typeof told = {
    ...told,
    tell(...event) {
      told.tell(...event);
      stopping.abort();
    },
  };
  await watchCard({
    clock: systemClock,
    log,
    metrics,
    pool: 'demo',
    readCard: () => readCard(device, program),
    stopping: stopping.signal,
  });
  return { samples: told.samples(), events: log.events() };
}

/** Watches a card that is read so, one look after the other. */
function watchWith(...looks: readonly (() => Promise<CardReading | null>)[]) {
  const clock = createManualClock();
  const [told, log] = [createRecordingMetrics(), createRecordingLog()];
  const stopping = new AbortController();
  let count = 0;
  const readCardNext = () => {
    const look = looks[count];
    count += 1;
    if (look === undefined) throw new Error('no look was expected');
    return look();
  };
  const options = { clock, log, metrics: told, pool: 'demo', stopping: stopping.signal };
  const done = watchCard({ ...options, readCard: readCardNext });
  return { clock, told, log, stopping, done };
}

describe('the card of a worker', () => {
  it('is told by how busy and how full it is, for the one that the worker has', async () => {
    const { samples } = await lookOnce('case "$*" in *--id=1*) echo "37, 1024";; esac');

    expect(samples).toEqual(['card_busy_percent{pool=demo} 37', 'card_memory_bytes{pool=demo} 1073741824']);
  });

  it('is told by what it says, where it keeps the other to itself', async () => {
    expect((await lookOnce('echo "[N/A], 512"')).samples).toEqual(['card_memory_bytes{pool=demo} 536870912']);
  });

  it('is looked for again where the driver does not answer, with one warning', async () => {
    const { clock, told, log, done, stopping } = watchWith(
      () => Promise.reject(new Error('busy')),
      () => Promise.reject(new Error('busy')),
      async () => ({ busyPercent: 37, memoryBytes: undefined }),
    );
    await clock.advance(60_000);
    stopping.abort();
    await done;

    expect(told.samples()).toEqual(['card_busy_percent{pool=demo} 37']);
    expect(log.events()).toEqual(['card.not_seen']);
  });

  it('says why it was not seen', async () => {
    const program = join(folder, 'nvidia-smi');
    await writeFile(program, '#!/bin/sh\nexit 9\n', { mode: 0o700 });

    await expect(readCard('cuda', program)).rejects.toThrow('nvidia-smi');
  });

  it('holds up no worker that ends while its driver hangs', async () => {
    const { done, stopping, log } = watchWith(() => new Promise(() => undefined));

    stopping.abort();
    await done;

    expect(log.events()).toEqual([]);
  });

  it('is not looked for on a processor', async () => {
    expect(await lookOnce('exit 9', 'cpu')).toEqual({ samples: [], events: [] });
  });
});
