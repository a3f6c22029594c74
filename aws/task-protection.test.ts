import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fleetLimits } from '#core/limits.ts';
import type { ManualClock } from '#sim/memory/manual-clock.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import type { TaskProtection } from './task-protection.ts';
import { createTaskProtection } from './task-protection.ts';

const on = { ProtectionEnabled: true, ExpiresInMinutes: 3 };
const off = { ProtectionEnabled: false };

/** As the container agent answers, by its documentation. */
const granted = (enabled: unknown) => ({
  requestID: 'r',
  protection: { ProtectionEnabled: enabled, TaskArn: 't' },
});
const refusals = [
  [{ failure: { Arn: 't', Detail: '', Reason: 'DEPLOYMENT_BLOCKED' } }, 'DEPLOYMENT_BLOCKED'],
  [{ error: { Arn: 't', Code: 'AccessDeniedException', Message: 'no' } }, 'AccessDeniedException'],
  [{ something: 'else' }, 'says nothing of protection'],
] as const;

let agent: Server;
let agentUri = '';
let answers: unknown[] = [];
const words: unknown[] = [];
let heard: () => void = () => undefined;

beforeEach(async () => {
  answers = [];
  words.length = 0;
  agent = createServer(async (request, response) => {
    const word = Object(await json(request));
    if (request.method === 'PUT' && request.url === '/api/x/task-protection/v1/state') words.push(word);
    response.end(JSON.stringify(answers.shift() ?? granted(word.ProtectionEnabled)));
    heard();
  }).listen(0, '127.0.0.1');
  await once(agent, 'listening');
  const address = agent.address();
  agentUri = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/api/x`;
});

afterEach(() => {
  agent.close();
  agent.closeAllConnections();
});

/** Resolves with all words so far once there are so many; waits for none that must not come. */
async function wordsOnce(count: number): Promise<unknown[]> {
  while (words.length < count) {
    await new Promise<void>((resolve) => {
      heard = resolve;
    });
  }
  return [...words];
}

function start(): {
  clock: ManualClock;
  log: ReturnType<typeof createRecordingLog>;
  protection: TaskProtection;
} {
  const clock = createManualClock(1_000_000);
  const log = createRecordingLog();
  return { clock, log, protection: createTaskProtection({ agentUri, clock, log }) };
}

describe('the protection of a task', () => {
  it('is asked for with the first work, for minutes, and renewed while it lasts', async () => {
    const { clock, protection } = start();

    protection.busy(true);
    expect(await wordsOnce(1)).toEqual([on]);
    await clock.advance(fleetLimits.protectMs);
    expect(await wordsOnce(2)).toEqual([on, on]);

    await protection.close();
  });

  it('is taken back a moment after the last work, and not renewed from then on', async () => {
    const { clock, protection } = start();
    protection.busy(true);
    await wordsOnce(1);

    protection.busy(false);
    await clock.advance(fleetLimits.unprotectAfterMs);
    expect(await wordsOnce(2)).toEqual([on, off]);
    await clock.advance(10 * fleetLimits.protectMs);
    await protection.close();

    expect(words).toEqual([on, off]);
  });

  it('is not spoken of between two jobs that follow closely', async () => {
    const { clock, protection } = start();
    protection.busy(true);
    await wordsOnce(1);

    for (let jobs = 0; jobs < 20; jobs += 1) {
      protection.busy(false);
      await clock.advance(fleetLimits.unprotectAfterMs / 10);
      protection.busy(true);
      await clock.advance(fleetLimits.unprotectAfterMs / 10);
    }
    await protection.close();

    expect(words).toEqual([on, off]);
  });

  it('is taken back when the worker ends with it, and not spoken of when it never had any', async () => {
    const { protection } = start();
    await protection.close();
    expect(words).toEqual([]);

    protection.busy(true);
    await wordsOnce(1);
    await protection.close();

    expect(words).toEqual([on, off]);
  });

  it.each(refusals)('is asked for again in its time after the answer %j', async (answer, reason) => {
    answers = [answer];
    const { clock, log, protection } = start();

    protection.busy(true);
    await wordsOnce(1);
    await clock.advance(fleetLimits.protectMs);
    expect(await wordsOnce(2)).toEqual([on, on]);
    await protection.close();

    expect(log.lines).toHaveLength(1);
    expect(JSON.stringify(log.lines)).toContain(reason);
  });

  it('keeps nobody waiting, and fails nothing, while the agent is out of reach', async () => {
    agent.close();
    const { log, protection } = start();

    protection.busy(true);
    await protection.close();

    expect(log.events()).toEqual(['task.not_protected', 'task.not_protected']);
  });
});
