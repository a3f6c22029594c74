import { describe, expect, it } from 'vitest';
import {
  adapterLimits,
  apiLimits,
  batchLimits,
  batchRunLimits,
  costLimits,
  egressLimits,
  etaLimits,
  gateLimits,
  imageLimits,
  jobLimits,
  protocolLimits,
  runpodLimits,
  streamLimits,
  sweepLimits,
  ticketLimits,
  warmupLimits,
  webhookLimits,
  workerLimits,
} from './limits.ts';

const second = 1000;
const minute = 60 * second;
const dynamoItemBytesMax = 400 * 1024;

describe('limits of other systems', () => {
  it('ask SQS for no longer poll than 20 s, no more than 10 messages a call, no more than 1000 deliveries', () => {
    expect(ticketLimits.longPollMs).toBeLessThanOrEqual(20 * second);
    expect(ticketLimits.receiveMax).toBeLessThanOrEqual(10);
    expect(ticketLimits.deliveriesMax).toBeLessThanOrEqual(1_000);
    expect(ticketLimits.visibilityMs).toBeLessThanOrEqual(12 * 60 * minute);
  });

  it('fit all adapters of a tenant into one DynamoDB item, each with every text at its longest', () => {
    // Four bytes a character of the name; the refusal shows a name of a tensor, and the rest is ids, hash and numbers.
    const recordBytes = 4 * adapterLimits.nameCharactersMax + adapterLimits.nameShownMax + 1_000;

    expect(adapterLimits.ownMax * recordBytes).toBeLessThan(dynamoItemBytesMax);
  });

  it('have an adapter read and hashed at 80 MB/s before API Gateway ends an answer at 29 s, with half to spare', () => {
    expect((adapterLimits.fileBytesMax / 80_000_000) * second).toBeLessThan((29 * second) / 2);
  });

  it('hide tickets for whole seconds, as SQS counts', () => {
    expect(ticketLimits.visibilityMs % second).toBe(0);
    expect(ticketLimits.returnMs % second).toBe(0);
    expect(ticketLimits.longPollMs % second).toBe(0);
  });

  it('fit a job into a DynamoDB item: body, metadata and as much again', () => {
    const metadataBytes =
      apiLimits.metadataKeysMax *
      // Four bytes is the longest character in UTF-8.
      4 *
      (apiLimits.metadataKeyCharactersMax + apiLimits.metadataValueCharactersMax);

    expect(2 * (apiLimits.bodyBytesMax + metadataBytes)).toBeLessThanOrEqual(dynamoItemBytesMax);
  });

  it('fit a gate into a quarter of a DynamoDB item at 50 bytes a reservation', () => {
    expect(gateLimits.openJobsMax * 50).toBeLessThan(dynamoItemBytesMax / 4);
    expect(gateLimits.tracesMax * 18).toBeLessThan(dynamoItemBytesMax / 50);
  });

  it('drain a worker before ECS kills its task and before a Spot notice runs out', () => {
    expect(workerLimits.drainMs).toBeLessThan(120 * second);
  });

  it('end a waiting request before the streaming entry of API Gateway does', () => {
    expect(apiLimits.waitSecondsMax * second).toBeLessThan(15 * minute);
  });
});

describe('places of streams and waiting calls', () => {
  it('are held for longer than any of them lasts', () => {
    expect(streamLimits.placeMs).toBeGreaterThan(streamLimits.longestMs);
    expect(streamLimits.placeMs).toBeGreaterThan(streamLimits.answerMs);
  });

  it("are not needed for a cancellation in RunPod's dialect, nor for the look of a call that got none", () => {
    expect(runpodLimits.cancelWaitMs).toBeLessThanOrEqual(apiLimits.briefWaitMs);
    expect(apiLimits.pollMsMax).toBeLessThan(apiLimits.briefWaitMs);
  });
});

describe('leases and tickets', () => {
  it('survive two lost renewals', () => {
    expect(jobLimits.renewMs * 3).toBeLessThanOrEqual(jobLimits.leaseMs);
  });

  it('let a redelivered ticket find the lease of its dead worker run out', () => {
    expect(ticketLimits.visibilityMs).toBeGreaterThan(jobLimits.leaseMs);
  });

  it('resume within five seconds of the visibility: a ticket that goes back looks again by then', () => {
    expect(ticketLimits.returnMs).toBeLessThanOrEqual(5 * second);
  });

  it('decide poison by attempts long before SQS moves a ticket aside', () => {
    expect(ticketLimits.deliveriesMax).toBeGreaterThan(10 * jobLimits.attemptsMax);
  });

  it('notice a silent runner before the lease of its job runs out', () => {
    expect(workerLimits.runnerSilenceMs).toBeLessThan(jobLimits.leaseMs);
    expect(protocolLimits.pingMs * 3).toBeLessThanOrEqual(workerLimits.runnerSilenceMs);
  });

  it('think no device hung while a runner waits for its server, and every one that is silent before', () => {
    const answerOfServerMs = 300 * second;
    expect(workerLimits.patienceMsMin).toBeGreaterThan(answerOfServerMs);
    expect(workerLimits.patienceMsMin).toBeGreaterThan(workerLimits.runnerSilenceMs);
  });

  it('think a worker gone only after two lost words', () => {
    expect(3 * workerLimits.reportMs).toBeLessThanOrEqual(workerLimits.silentMs);
  });

  it('write progress no oftener than a client may look', () => {
    expect(jobLimits.progressMs).toBeLessThan(jobLimits.renewMs);
    expect(jobLimits.progressMs).toBeGreaterThanOrEqual(apiLimits.pollMsMax);
  });
});

describe('requests', () => {
  it('forget a revoked key within a minute', () => {
    expect(apiLimits.keyCacheMs).toBeLessThan(minute);
  });

  it('keep a record for as long as its idempotency key may come back and as long as it may wait', () => {
    expect(jobLimits.keptMs).toBeGreaterThan(apiLimits.idempotencyKeptMs);
    expect(jobLimits.keptMs).toBeGreaterThan(jobLimits.startWithinMsMax);
  });

  it('let every call end before the sweep takes its job for a fault', () => {
    expect(sweepLimits.graceMs).toBeGreaterThan(apiLimits.waitSecondsMax * second);
    expect(sweepLimits.graceMs).toBeGreaterThan(sweepLimits.everyMs);
  });

  it('have defaults and minima within their maxima', () => {
    expect(apiLimits.pageDefault).toBeLessThanOrEqual(apiLimits.pageMax);
    expect(apiLimits.pollMsMin).toBeLessThan(apiLimits.pollMsMax);
    expect(jobLimits.startWithinMsDefault).toBeLessThanOrEqual(jobLimits.startWithinMsMax);
  });

  it('close a month after its last job must have started, while what its workers said is still kept', () => {
    const longestMonthMs = 31 * 24 * 60 * minute;

    expect(costLimits.closeAfterMs).toBeGreaterThanOrEqual(jobLimits.startWithinMsMax + 24 * 60 * minute);
    expect(workerLimits.recordKeptMs).toBeGreaterThan(2 * (longestMonthMs + costLimits.closeAfterMs));
  });

  it('try a message within a day, each time with a claim that outlasts the try, and log it for longer', () => {
    const { retryDelaysMs, giveUpAfterMs, timeoutMs, claimMs, logKeptMs, disableAfterMs } = webhookLimits;
    const triesMs = (retryDelaysMs.length + 1) * timeoutMs;

    expect(retryDelaysMs.reduce((sum, each) => sum + each, 0) + triesMs).toBeLessThanOrEqual(giveUpAfterMs);
    expect(retryDelaysMs.toSorted((left, right) => left - right)).toEqual(retryDelaysMs);
    expect(claimMs).toBeGreaterThanOrEqual(2 * timeoutMs);
    expect(logKeptMs).toBeGreaterThan(giveUpAfterMs);
    expect(disableAfterMs).toBeGreaterThan(giveUpAfterMs);
    expect(webhookLimits.triesKept).toBeGreaterThan(retryDelaysMs.length);
  });

  it('leave room for tenants that have no message under way', () => {
    const { parallelMax, parallelReserved, parallelOfTenantMax, parallelOfEndpointMax } = webhookLimits;

    expect(parallelReserved).toBeGreaterThanOrEqual(parallelOfTenantMax);
    expect(parallelMax - parallelReserved).toBeGreaterThanOrEqual(2 * parallelOfTenantMax);
    expect(parallelOfTenantMax).toBeGreaterThan(parallelOfEndpointMax);
    expect(webhookLimits.dueMax).toBeGreaterThanOrEqual(2 * parallelOfTenantMax);
    expect(webhookLimits.turnKeptMs).toBeGreaterThan(2 * webhookLimits.turnLookMs);
  });

  it('pass through a runner frame whole', () => {
    expect(protocolLimits.frameBytesMax).toBeGreaterThan(4 * apiLimits.bodyBytesMax);
  });
});

describe('answers to RunPod’s Python client', () => {
  it('come before it gives up: ten seconds for a stream, three for a cancellation', () => {
    // Whoever follows looks once more after its time is over.
    expect(runpodLimits.streamWaitMs + streamLimits.lookMsMax).toBeLessThan(10 * second);
    expect(runpodLimits.cancelWaitMs).toBeLessThan(3 * second);
  });
});

describe('warm-ups', () => {
  it('last as long as a worker takes to come up, and no longer than the day that their cap is counted in', () => {
    expect(warmupLimits.secondsMin * second).toBeGreaterThanOrEqual(etaLimits.wakeMs);
    expect(warmupLimits.secondsMax * second).toBe(24 * 60 * minute);
    expect(warmupLimits.secondsDefault).toBeLessThanOrEqual(warmupLimits.secondsMax);
  });

  it('are finished by the sweep before the pool forgets the one that they go on from', () => {
    expect(warmupLimits.rememberedMs).toBeGreaterThan(2 * sweepLimits.everyMs);
  });
});

describe('requests to addresses that tenants name', () => {
  it('have time left for IPv4 where the servers of a name keep silent about IPv6', () => {
    // Each question waits twice as long as the one before.
    const namesMs = egressLimits.questionMs * (2 ** egressLimits.questionsMax - 1);

    expect(namesMs + second).toBeLessThan(imageLimits.fetchMs);
    expect(namesMs + second).toBeLessThan(webhookLimits.timeoutMs);
  });
});

describe('batches', () => {
  it('of a tenant take no more than half of the places that there are', () => {
    expect(2 * batchRunLimits.parallelOfTenantMax).toBeLessThanOrEqual(batchRunLimits.parallelMax);
  });
});

describe('limits of what tenants upload', () => {
  it('let no line of a batch file in that is too long for the frame of a job', () => {
    expect(batchLimits.lineBytesMax).toBeLessThanOrEqual(protocolLimits.frameBytesMax);
  });

  it('leave room for a picture of every size that is taken, decoded and written anew', () => {
    const decodedBytes = 4 * imageLimits.pixelsMax;

    expect(imageLimits.decodedBytesMax).toBeGreaterThan(decodedBytes);
    expect(imageLimits.decodeMemoryMb * 1024 * 1024).toBeGreaterThan(4 * decodedBytes);
    expect(imageLimits.sidePixelsMax ** 2).toBeGreaterThanOrEqual(imageLimits.pixelsMax);
    expect(imageLimits.ratioFreePixelsMax).toBeLessThan(imageLimits.pixelsMax);
  });
});
