/**
 * A client of one tenant: submits, retries what ended without an answer under the same key, cancels, and now and then is
 * given a refund or other limits by its operator, who pauses, drains and prewarms pools as well. It has pools warmed up
 * ahead of its work. It records what it was told, and nothing else.
 */
import { cancel } from '#core/flows/cancel.ts';
import type { OperatorOrder } from '#core/flows/order-pool.ts';
import { orderPool } from '#core/flows/order-pool.ts';
import { createOutlooks } from '#core/flows/outlooks.ts';
import { refund } from '#core/flows/refund.ts';
import type { SubmitAsk, SubmitOutcome } from '#core/flows/submission.ts';
import { submit } from '#core/flows/submit.ts';
import { limitsOf } from '#core/tenancy/plans.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { exponentialMs } from '../random.ts';
import { followOne } from './followers.ts';
import type { Submission, SubmissionAnswer } from './history.ts';
import { violate } from './history.ts';
import { namedPictureOf } from './pictures.ts';
import { readInPortions } from './portions.ts';
import { drawLimits, oneOf, pools } from './scenario.ts';
import { warmUpOnce } from './warmups.ts';
import type { World } from './world.ts';

/** Work of one operation, drawn by weight. */
const operations = [
  'submit',
  'submit',
  'submit',
  'submit',
  'burst',
  'again',
  'cancel',
  'refund',
  'limits',
  'order',
  'warmup',
] as const;

/** Between the shortest and the longest jobs of a world. */
const runMsMax = 3_000;
const triesMax = 5;
/** Of the refunds, and within about how long all its writes are made. */
const refundCutShare = 0.4;
const refundMs = 80;
/** An outage is met by a good part of the operations, however long it lasts. */
const perOutage = 12;

/** Performs `count` operations, one after the other; resolves when the last was begun. */
export async function runClient(world: World, tenantId: string, count: number): Promise<void> {
  const own: SubmitAsk[] = [];
  const { outage, thinkMsMean } = world.scenario;
  const meanMs = Math.max(thinkMsMean, outage === null ? 0 : (outage.toMs - outage.fromMs) / perOutage);
  for (let done = 0; done < count; done += 1) {
    await world.loop.clock.sleep(exponentialMs(world.random, meanMs));
    world.history.operations += 1;
    const operation = oneOf(world.random, operations);
    // Not awaited: a client does not stop because one call of it hangs.
    void perform(world, tenantId, own, operation);
  }
}

async function perform(
  world: World,
  tenantId: string,
  own: SubmitAsk[],
  operation: (typeof operations)[number],
): Promise<void> {
  switch (operation) {
    case 'submit':
      return submitAndFollow(world, drawAsk(world, tenantId, own));
    case 'burst':
      await Promise.all(Array.from({ length: 4 }, () => submitOnce(world, drawAsk(world, tenantId, own))));
      return;
    case 'again':
      return submitAgain(world, tenantId, own);
    case 'cancel':
      return cancelOne(world, tenantId);
    case 'refund':
      return refundOne(world, tenantId);
    case 'limits':
      return changeLimits(world, tenantId);
    case 'order':
      return orderOne(world);
    case 'warmup':
      return warmUpOnce(world, tenantId);
  }
}

function drawAsk({ random, ids, history, webhooks }: World, tenantId: string, own: SubmitAsk[]): SubmitAsk {
  const op = ids.nonce();
  const prompt = `canary-${tenantId}-${op}`;
  history.canaries.add(prompt);
  const maybe = (share: number) => random() < share;
  const input = {
    prompt,
    ...(maybe(0.4) ? { seed: 7 } : {}),
    n: oneOf(random, [1, 1, 2]),
    steps: oneOf(random, [1, 2, 4]),
    step_ms: oneOf(random, [100, 1_000, 8_000]),
    ...(maybe(0.12) ? { fault: oneOf(random, ['oom', 'error', 'nan', 'crash']) } : {}),
  };
  const model = oneOf(random, ['image', 'image', 'image:stable', 'image-large', 'image-alone', 'chat']);
  const ask: SubmitAsk = {
    // Filled in by each try: the tenant as it is then.
    tenant: { tenantId } as TenantRecord,
    keyId: 'key00001',
    model,
    quality: null,
    granted: null,
    input: model === 'chat' ? chatOf(input, namedPictureOf(tenantId, op)) : input,
    class: oneOf(random, ['interactive', 'batch', null]),
    metadata: { op },
    webhook: webhooks.drawOwn(tenantId),
    deadlineSeconds: maybe(0.1) ? oneOf(random, [5, 60]) : null,
    cache: null,
    // Half of the chats, without a draw.
    stream: model === 'chat' && op.charCodeAt(0) % 2 === 0,
    // One job in eight, without a draw: the longest of them are stopped.
    runMsMax: op.charCodeAt(1) % 8 === 0 ? runMsMax : null,
    idempotencyKey: maybe(0.5) ? `key-${op}` : null,
  };
  // The same once more, which a result that was kept may answer.
  const like = maybe(0.4) ? own.find(({ input }) => hasSeed(input)) : undefined;
  if (like !== undefined) Object.assign(ask, { model: like.model, input: like.input });
  if (ask.webhook !== null) history.ownWebhooks.set(op, ask.webhook);
  own.push(ask);
  return ask;
}

interface DrawnInput {
  readonly prompt: string;
  readonly n: number;
  readonly steps: number;
}

/** The same prompt as a message, with the picture if there is one, and as many tokens as there were steps. */
function chatOf({ prompt, n: _n, steps, ...others }: DrawnInput, picture: string | null) {
  const asked = { type: 'text', text: prompt };
  const content = picture === null ? prompt : [asked, { type: 'image_url', image_url: { url: picture } }];
  return { messages: [{ role: 'user', content }], max_tokens: steps, ...others };
}

function hasSeed(input: unknown): boolean {
  return typeof input === 'object' && input !== null && 'seed' in input;
}

/** The same key once more: mostly with the same body, as an impatient client does it; sometimes with another. */
async function submitAgain(world: World, tenantId: string, own: SubmitAsk[]): Promise<void> {
  const earlier = own.findLast(({ idempotencyKey }) => idempotencyKey !== null);
  if (earlier === undefined) return;
  const hasOtherBody = world.random() < 0.3;
  const fresh = drawAsk(world, tenantId, []);
  const ask = hasOtherBody ? { ...fresh, idempotencyKey: earlier.idempotencyKey } : earlier;
  await Promise.all([submitOnce(world, ask), submitOnce(world, ask)]);
}

async function submitAndFollow(world: World, ask: SubmitAsk): Promise<void> {
  const answer = (await submitOnce(world, ask)).at(-1);
  if (ask.stream === true && answer !== undefined && 'jobId' in answer) {
    const { tenantId } = ask.tenant;
    await Promise.all([
      followOne(world, tenantId, answer.jobId),
      readInPortions(world, tenantId, answer.jobId),
    ]);
  }
}

/** Every answer, the last one first known when it is all that comes. */
export async function submitOnce(world: World, ask: SubmitAsk): Promise<readonly SubmissionAnswer[]> {
  const { tenantId } = ask.tenant;
  const submission: Submission = {
    op: ask.metadata.op ?? '',
    tenantId,
    idempotencyKey: ask.idempotencyKey,
    answers: [],
  };
  world.history.submissions.push(submission);
  if (ask.idempotencyKey !== null) world.history.keyed.add(ask);
  for (let tries = 0; tries < triesMax; tries += 1) {
    const answer = await trySubmit(world, ask);
    submission.answers.push(answer);
    const mayRepeat =
      ask.idempotencyKey !== null && (answer.kind === 'unknown' || answer.kind === 'in_flight');
    if (!mayRepeat) break;
    await world.loop.clock.sleep(500 * 2 ** tries * (1 + world.random()));
  }
  return submission.answers;
}

async function trySubmit(world: World, ask: SubmitAsk): Promise<SubmissionAnswer> {
  const { process, ports } = world.api('submit');
  const { clock } = process;
  const wasDown = world.isDown('table');
  const served = await process.serve(async () => {
    const tenant = await ports.tenants.get(ask.tenant.tenantId);
    if (tenant === null) throw new Error('the scene has every tenant');
    const { catalog, ids, log } = world;
    const outlooks = createOutlooks({ ...ports, catalog, clock });
    return submit({ ...ports, catalog, clock, ids, log, outlooks }, { ...ask, tenant });
  });
  const answer: SubmissionAnswer = served.kind === 'answered' ? answerOf(served.value) : { kind: 'unknown' };
  if (wasDown && world.isDown('table') && 'jobId' in answer)
    violate(world.history, 'I2', `${ask.metadata.op} was ${answer.kind} while the table was down`);
  return answer;
}

export function answerOf(outcome: SubmitOutcome): SubmissionAnswer {
  switch (outcome.kind) {
    case 'accepted':
    case 'replayed':
      return { kind: outcome.kind, jobId: outcome.job.jobId };
    case 'mismatch':
    case 'in_flight':
      return { kind: outcome.kind };
    case 'too_late':
      return { kind: 'unknown' };
    default:
      return { kind: 'refused' };
  }
}

/** Any of the jobs that this tenant was told of. */
function anyJob({ history, random }: World, tenantId: string): string | null {
  const told = history.submissions
    .filter((each) => each.tenantId === tenantId)
    .flatMap(({ answers }) => answers.flatMap((answer) => ('jobId' in answer ? [answer.jobId] : [])));
  return told[Math.floor(random() * told.length)] ?? null;
}

async function cancelOne(world: World, tenantId: string): Promise<void> {
  const jobId = anyJob(world, tenantId);
  if (jobId === null) return;
  world.history.retries.canceled.add(jobId);
  const { process, ports } = world.api('cancel');
  const { clock } = process;
  const served = await process.serve(() => cancel({ ...ports, clock, log: world.log }, tenantId, jobId));
  if (served.kind !== 'answered' || served.value.kind !== 'found') return;
  const { job } = served.value;
  if (job.place.kind === 'done') world.history.ended.set(jobId, job.status);
}

/** One operator, or two at once, as one who clicks twice; some die on the way, and leave the rest to the sweep. */
export async function refundOne(world: World, tenantId: string): Promise<void> {
  const { ids, loop, random, scenario } = world;
  const jobId = anyJob(world, tenantId);
  if (jobId === null) return;
  const ask = { tenantId, jobId, usdMicros: null, reason: 'late' };
  const tries = Array.from({ length: oneOf(random, [1, 2]) }, async () => {
    const { process, ports } = world.api('refund');
    const [isCut, cutMs] = [random() < refundCutShare, random() * refundMs];
    if (isCut && !scenario.isCalm) loop.after(cutMs, () => process.kill());
    await process.serve(() => refund({ ...ports, clock: process.clock, ids }, ask));
  });
  await Promise.all(tries);
}

/** The operator orders a pool; whatever stands at the end of the chaos is ended by {@link endOrders}. */
async function orderOne(world: World): Promise<void> {
  const { process, ports } = world.api('order');
  const { log, random } = world;
  const pool = oneOf(random, pools);
  const atMs = process.clock.nowMs();
  const order = oneOf<OperatorOrder>(random, [
    { kind: 'pause', atMs },
    { kind: 'resume' },
    { kind: 'drain', atMs },
    { kind: 'prewarm', workers: 1, untilMs: atMs + 30_000 },
  ]);
  await process.serve(() => orderPool({ ...ports, clock: process.clock, log }, pool, order));
}

/** The operator lets every paused pool go on; not awaited, because the loop has to run for that. */
export async function endOrders(world: World): Promise<void> {
  const { catalog, log, stores } = world;
  for (const pool of catalog.pools()) {
    if ((await stores.pools.read(pool)).orders.pausedAtMs === null) continue;
    const { process, ports } = world.api('order');
    const { clock } = process;
    void process.serve(() => orderPool({ ...ports, clock, log }, pool, { kind: 'resume' }));
  }
}

/** The operator moves the tenant to other limits while its jobs are open. */
async function changeLimits(world: World, tenantId: string): Promise<void> {
  const { process, ports } = world.api('limits');
  const overrides = drawLimits(world.random);
  await process.serve(async () => {
    const tenant = await ports.tenants.get(tenantId);
    if (tenant === null) return;
    // Noted before the write: it may take effect without an answer.
    noteLimits(world, { ...tenant, overrides });
    await ports.tenants.update({ ...tenant, overrides, version: tenant.version + 1 });
  });
}

/** Keeps the largest of every limit: what may be admitted at some moment of the run. */
export function noteLimits({ history }: World, { tenantId, plan, overrides }: TenantRecord): void {
  const limits = limitsOf(plan, overrides);
  const before = history.limits.get(tenantId) ?? limits;
  const larger = (left: number | undefined, right: number | undefined) =>
    left === undefined || right === undefined ? undefined : Math.max(left, right);
  history.limits.set(tenantId, {
    ...limits,
    open_jobs_max: Math.max(limits.open_jobs_max, before.open_jobs_max),
    requests_per_minute: larger(limits.requests_per_minute, before.requests_per_minute),
    budget_usd_micros_per_month: larger(
      limits.budget_usd_micros_per_month,
      before.budget_usd_micros_per_month,
    ),
    warmup_usd_micros_per_day: larger(limits.warmup_usd_micros_per_day, before.warmup_usd_micros_per_day),
    storage_gb_max: larger(limits.storage_gb_max, before.storage_gb_max),
    tokens_per_minute: larger(limits.tokens_per_minute, before.tokens_per_minute),
  });
}
