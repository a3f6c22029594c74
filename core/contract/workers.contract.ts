/** Promises of the `Workers` port. */
import { describe, expect, it } from 'vitest';
import { sampleNowMs, sampleWorker } from '../samples.ts';
import type { WorkerRecord } from '../scaling/worker-record.ts';
import { workerPhases } from '../scaling/worker-record.ts';
import type { Scene } from './scene.ts';
import { allPages, atOnce } from './scene.ts';

const now = sampleNowMs;

export function workersContract(scene: Scene): void {
  describe('Workers', () => {
    it('gives back every field of what a worker said, in every phase', async () => {
      const pool = await scene.pool();
      const said = workerPhases.map((phase, index) =>
        worker(scene, pool, { phase, reportedAtMs: now + index, runningJobs: index, resident: [] }),
      );

      for (const each of said) await scene.ports.workers.report(each);

      await scene.eventually(async () => expect(await listed(scene, pool)).toEqual(said));
    });

    it('keeps the last word of a worker, whatever order the words come in', async () => {
      const pool = await scene.pool();
      const first = worker(scene, pool, { reportedAtMs: now });
      const words = [5, 1, 9, 3].map((ms) => ({ ...first, reportedAtMs: now + ms, busyMs: ms }));

      await atOnce(words.length, (index) => scene.ports.workers.report(words[index] ?? first));
      await scene.ports.workers.report(first);

      await scene.eventually(async () =>
        expect(await listed(scene, pool)).toEqual([{ ...first, reportedAtMs: now + 9, busyMs: 9 }]),
      );
    });

    it('leaves out workers that were not heard of since, and keeps pools apart', async () => {
      const [pool, other] = [await scene.pool(), await scene.pool()];
      const [old, edge, fresh] = [now - 1, now, now + 1].map((reportedAtMs) =>
        worker(scene, pool, { reportedAtMs }),
      );
      for (const each of [old, edge, fresh]) if (each !== undefined) await scene.ports.workers.report(each);
      await scene.ports.workers.report(worker(scene, other, { reportedAtMs: now }));

      await scene.eventually(async () => expect(await listed(scene, pool, now)).toEqual([edge, fresh]));
    });

    it('lists many workers page by page, each once', async () => {
      const pool = await scene.pool();
      const many = Array.from({ length: 130 }, (_, index) =>
        worker(scene, pool, { reportedAtMs: now + index }),
      );

      await atOnce(many.length, (index) => scene.ports.workers.report(many[index] ?? sampleWorker()));

      await scene.eventually(async () => expect(await listed(scene, pool)).toEqual(many));
    });
  });
}

function worker(scene: Scene, pool: string, overrides: Partial<WorkerRecord>): WorkerRecord {
  return sampleWorker({ workerId: `worker_${scene.jobId()}`, pool, ...overrides });
}

function listed(scene: Scene, pool: string, sinceMs = 0): Promise<WorkerRecord[]> {
  return allPages((cursor) => scene.ports.workers.list(pool, sinceMs, cursor));
}
