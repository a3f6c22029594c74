/** A worker as the task of two containers has it: two real programs, the fake engine, embedded stores. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { createEntryScene } from '#functions/entry-scene.ts';
import { worldPool } from '#sim/memory/flow-world.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { startHostProgram } from '../runner-host/host-under-test.ts';

async function openTask() {
  const scratchRoot = await mkdtemp(join(tmpdir(), 'pl-'));
  onTestFinished(() => rm(scratchRoot, { recursive: true, force: true }));
  const scene = await createEntryScene({ PILOTLIGHT_POOL: worldPool });
  onTestFinished(() => scene.close());
  const modelsDir = process.env.PILOTLIGHT_MODELS_DIR ?? '';
  const host = await startHostProgram({ log: createRecordingLog(), modelsDir, scratchRoot });
  const startWorker = () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
      env: {
        ...process.env,
        PILOTLIGHT_RUNNER_HOST: host.socketPath,
        PILOTLIGHT_RUNNER_SCRATCH: scratchRoot,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    return { child, ended: once(child, 'exit').then(([code]) => code), said: text(child.stderr) };
  };
  const settled = async ({ tenantId, jobId }: Pick<JobRecord, 'tenantId' | 'jobId'>) => {
    for (;;) {
      const job = await scene.ports.jobs.get(tenantId, jobId);
      if (job !== null && isTerminal(job)) return job;
      await systemClock.sleep(20);
    }
  };
  return { ...scene, host, scratchRoot, startWorker, settled };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await systemClock.sleep(20);
}

describe('a task of two programs', () => {
  it('runs a job, has the log of its runner, and ends in order', async () => {
    const { submitJob, settled, startWorker, host, scratchRoot } = await openTask();
    const worker = startWorker();

    const job = await settled(await submitJob());
    worker.child.kill('SIGTERM');
    const code = await worker.ended;
    host.process().child.kill('SIGTERM');

    expect(job).toMatchObject({ status: 'succeeded', receipt: { engine: 'fake' } });
    expect([code, await host.process().ended]).toEqual([0, 0]);
    expect(await worker.said).toContain('"event":"runner.started"');
    expect(await worker.said).toContain('"event":"runner.ended"');
    expect(await readdir(scratchRoot)).toEqual([]);
  });

  it('leaves no runner of a worker that is killed, and the next worker goes on', async () => {
    const { submitJob, settled, startWorker, host, scratchRoot } = await openTask();
    const first = startWorker();
    await settled(await submitJob());

    first.child.kill('SIGKILL');
    await until(() => host.process().said().includes('host.worker_gone'));
    await until(async () => (await readdir(scratchRoot)).length === 0);
    startWorker();

    expect(await settled(await submitJob())).toMatchObject({ status: 'succeeded' });
  });
});
