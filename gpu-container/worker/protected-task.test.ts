/** A worker as ECS starts it: a real process, the fake engine, embedded stores, an agent that listens. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import { isTerminal } from '#core/job/job.ts';
import { createEntryScene } from '#functions/entry-scene.ts';
import { worldPool } from '#sim/memory/flow-world.ts';

async function listenAsAgent() {
  const words: unknown[] = [];
  const agent = createServer(async (request, response) => {
    const word = Object(await json(request));
    words.push({ at: `${request.method} ${request.url}`, ...word });
    response.end(JSON.stringify({ protection: { ProtectionEnabled: word.ProtectionEnabled } }));
  }).listen(0, '127.0.0.1');
  await once(agent, 'listening');
  onTestFinished(() => {
    agent.close();
    agent.closeAllConnections();
  });
  const address = agent.address();
  return { words, uri: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/api/task` };
}

it('asks for protection with its first job, and gives it back as it leaves', async () => {
  const { words, uri } = await listenAsAgent();
  const scene = await createEntryScene({ ECS_AGENT_URI: uri, PILOTLIGHT_POOL: worldPool });
  onTestFinished(() => scene.close());
  const worker = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: process.env,
    stdio: 'ignore',
  });
  onTestFinished(() => {
    worker.kill('SIGKILL');
  });
  const ended = once(worker, 'exit');

  const { tenantId, jobId } = await scene.submitJob();
  for (;;) {
    const job = await scene.ports.jobs.get(tenantId, jobId);
    if (job !== null && isTerminal(job)) break;
    await systemClock.sleep(20);
  }
  worker.kill('SIGTERM');
  const [code] = await ended;

  expect(code).toBe(0);
  const at = 'PUT /api/task/task-protection/v1/state';
  expect(words[0]).toEqual({ at, ProtectionEnabled: true, ExpiresInMinutes: 3 });
  expect(words.at(-1)).toEqual({ at, ProtectionEnabled: false });
});
