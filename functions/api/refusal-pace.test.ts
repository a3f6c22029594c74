import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { apiLimits } from '#core/limits.ts';
import { sampleNowMs } from '#core/samples.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { paceRefusals } from './refusal-pace.ts';

const pace = apiLimits.refusalPaceMs;

describe('the time of an answer', () => {
  it.each([0, 1, pace - 1])('is one beat after the request for a key refused after %i ms', async (tookMs) => {
    expect(await answeredAfterMs(401, tookMs)).toBe(pace);
  });

  it.each([pace + 1, 2 * pace - 1])('is the next beat for a key refused after %i ms', async (tookMs) => {
    expect(await answeredAfterMs(401, tookMs)).toBe(2 * pace);
  });

  it.each([200, 403, 404, 429, 503])('is at once for a status of %i', async (status) => {
    expect(await answeredAfterMs(status, 3)).toBe(3);
  });
});

it('leaves no timer behind', async () => {
  const clock = createManualClock(sampleNowMs);
  const handler = paceRefusals(async () => answerOf(200), clock);

  await handler({} as APIGatewayProxyEvent, {} as Context);

  expect(clock.nextWakeMs()).toBeNull();
});

async function answeredAfterMs(status: number, tookMs: number): Promise<number> {
  const clock = createManualClock(sampleNowMs);
  const handler = paceRefusals(async () => {
    if (tookMs > 0) await clock.sleep(tookMs);
    return answerOf(status);
  }, clock);
  let answeredAtMs = Number.NaN;
  // The wrapper hands both on and reads neither.
  void handler({} as APIGatewayProxyEvent, {} as Context).then(() => {
    answeredAtMs = clock.nowMs();
  });
  for (let passed = 0; passed < 3 * pace && Number.isNaN(answeredAtMs); passed += 1) {
    await settled();
    if (Number.isNaN(answeredAtMs)) await clock.advance(1);
    await settled();
  }
  return answeredAtMs - sampleNowMs;
}

/** Lets every promise that can go on go on. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function answerOf(statusCode: number): APIGatewayProxyResult {
  return { statusCode, body: '' };
}
