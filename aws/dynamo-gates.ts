/**
 * Gates in the main table, one item a tenant: a map `open` of reservations, one attribute per window counter, finish tag
 * and trace. Admission is one UpdateItem whose condition renders the ask; a gate with reservations stands in the
 * sparse index under `gates`, by an assignment that changes nothing after the first and so costs no index write.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import type { AdmissionAsk, GateView } from '#core/admission/gate.ts';
import { judge, unbounded } from '#core/admission/gate.ts';
import type { LastingTotal } from '#core/admission/stored-bytes.ts';
import type { Traces } from '#core/admission/traces.ts';
import { secondOf, traceOf } from '#core/admission/traces.ts';
import { mayForgetCounter } from '#core/admission/windows.ts';
import { AppError } from '#core/errors.ts';
import type { AdmitOutcome, Gates, Release, StartOutcome } from '#core/ports/gates.ts';
import type { Page } from '#core/ports/page.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import { expression } from './expression.ts';
import type { StoredTotal } from './gate-storage.ts';
import {
  hasForgettable,
  keeping,
  leavesRoom,
  recount,
  roomCondition,
  storedOfItem,
  storingSets,
  totalOf,
} from './gate-storage.ts';
import { pastTraces, tracesOfItem } from './gate-traces.ts';
import type { Item } from './items.ts';
import { conditional, parseItem } from './items.ts';
import {
  counterAttribute,
  decodeCursor,
  encodeCursor,
  finishAttribute,
  gateKey,
  gatesLine,
  readCounterAttribute,
  readFinishAttribute,
  traceAttribute,
} from './keys.ts';
import { indexes } from './resources.ts';

export interface DynamoGatesOptions {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A refused write whose reason is gone when we look: a place was freed in between. Each turn is one more write. */
const admitTriesMax = 4;
/** Each loser's next try is on top of the winner's write, or finds a later one. */
const keepTriesMax = 8;
const pageSize = 100;
/**
 * A gate that never rests gathers a counter or two a minute; they are dropped this many at a time, so tidying adds
 * at most one write in ten admissions and a kilobyte to the item.
 */
const pastCountersMax = 20;
/** A trace a job: as many as these stand beside those that count, and are one write in fifty admissions. */
const pastTracesMax = 50;
/** Of buckets there is one a day. */
const pastBucketsMax = 8;

const gateSchema = z.object({
  status: z.enum(['active', 'suspended']),
  open: z.record(z.string(), z.string()),
});
const runningSchema = gateSchema.extend({ running: z.record(z.string(), z.int()).default({}) });
const entrySchema = z.object({ pk: z.string().startsWith('T#'), tag: z.int() });
const positionSchema = z.object({ tenantId: z.string(), tag: z.int() });

export function createDynamoGates(options: DynamoGatesOptions): Gates {
  return {
    admit: (tenantId, ask) => admit(options, tenantId, ask),
    read: (tenantId) => read(options, tenantId),

    async release(tenantId, jobId, trueUp) {
      return (await update(options, tenantId, giveBack(jobId, trueUp, options.clock.nowMs())))
        ? 'released'
        : 'gone';
    },

    start: (tenantId, jobId, attempt, max) => start(options, tenantId, { jobId, attempt, max }),

    async stop(tenantId, jobId, attempt) {
      const { name, value, attributes } = expression();
      const place = `${name('running')}.${name(jobId)}`;
      await update(options, tenantId, {
        UpdateExpression: `REMOVE ${place}`,
        ConditionExpression: `${place} = ${value(attempt)}`,
        ...attributes(),
      });
    },

    async note(tenantId, noteName, text) {
      const { name, value, attributes } = expression();
      const note = `${name('open')}.${name(noteName)}`;
      const sets = [
        `${note} = ${value(text)}`,
        `${name('line')} = ${value(gatesLine)}`,
        `${name('tag')} = ${value(0)}`,
      ];
      const isNoted = await update(options, tenantId, {
        UpdateExpression: `SET ${sets.join(', ')}`,
        ConditionExpression:
          `attribute_exists(pk) AND attribute_not_exists(${note}) AND ` +
          `attribute_not_exists(${name(traceAttribute(traceOf(noteName, text)))})`,
        ...attributes(),
      });
      if (isNoted) return 'noted';
      const item = await readItem(options, tenantId);
      if (item === null) return 'no_tenant';
      const { gate, traces } = toFound(tenantId, item);
      // Our own text without a write of this call: the SDK sent it twice and the first answer was lost.
      if (hasTrace(traces, noteName, text)) return 'finished';
      return gate.open[noteName] === text ? 'noted' : 'standing';
    },

    keep: (tenantId, total) => keep(options, tenantId, total),

    async lift(tenantId, line, upTo, to) {
      const { name, value, attributes } = expression();
      const finish = name(finishAttribute(line));
      await update(options, tenantId, {
        UpdateExpression: `SET ${finish} = ${value(to)}`,
        ConditionExpression: `attribute_exists(pk) AND ${finish} <= ${value(upTo)}`,
        ...attributes(),
      });
    },

    listOpen: (cursor) => listOpen(options, cursor),

    async rest(tenantId, nowMs) {
      const item = await readItem(options, tenantId);
      if (item === null) return;
      const { gate, total, traces } = toFound(tenantId, item);
      if (Object.keys(gate.open).length > 0) return;
      if (hasForgettable(gate, nowMs, 1)) await update(options, tenantId, recount(gate, total, nowMs));
      const { name, value, attributes } = expression();
      const past = [...pastCounters(gate, nowMs), ...pastTraces(traces, nowMs)].map(name);
      await update(options, tenantId, {
        UpdateExpression: `REMOVE ${[name('line'), name('tag'), ...past].join(', ')}`,
        // An admission since the read keeps the gate awake, and its windows with it.
        ConditionExpression: `attribute_exists(pk) AND size(${name('open')}) = ${value(0)}`,
        ...attributes(),
      });
    },
  };
}

async function admit(
  options: DynamoGatesOptions,
  tenantId: string,
  ask: AdmissionAsk,
): Promise<AdmitOutcome> {
  for (let tries = 0; tries < admitTriesMax; tries += 1) {
    const { taken, found } = await tryTake(options, tenantId, ask);
    if (found === null) return { kind: 'no_tenant' };
    const { gate, total, traces } = found;
    const nowMs = options.clock.nowMs();
    if (taken) await tidy(options, found, nowMs);
    // Our own token without a write of this call: the SDK sent it twice and the first answer was lost.
    if (taken || gate.open[ask.jobId] === ask.token) {
      return { kind: 'admitted', finishTag: gate.finishTags[ask.line] ?? 0, gate };
    }
    if (hasTrace(traces, ask.jobId, ask.token)) return { kind: 'duplicate' };
    const judgement = judge(gate, ask, nowMs);
    switch (judgement.kind) {
      case 'duplicate':
        return { kind: 'duplicate' };
      case 'refuse':
        return { kind: 'refused', refusal: judgement.refusal, gate };
      case 'admit':
        if (ask.storage !== null && !leavesRoom(total, ask.storage)) {
          await update(options, tenantId, recount(gate, total, nowMs));
        }
        break;
    }
  }
  throw new AppError('unavailable', { privateDetail: 'the gate changed under every try to admit' });
}

interface Found {
  readonly gate: GateView;
  readonly total: StoredTotal;
  readonly traces: Traces;
}

type Attempt =
  | { readonly taken: true; readonly found: Found }
  | { readonly taken: false; readonly found: Found | null };

/** The gate after the ask was taken, or as it stood when it was not; `null` is a tenant without a gate. */
async function tryTake(options: DynamoGatesOptions, tenantId: string, ask: AdmissionAsk): Promise<Attempt> {
  try {
    const { Attributes } = await options.documents.send(
      new UpdateCommand({
        TableName: options.table,
        Key: { ...gateKey(tenantId) },
        ...takeAll(ask),
        ReturnValues: 'ALL_NEW',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
    return { taken: true, found: toFound(tenantId, Attributes ?? {}) };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    // An emulator may leave the old item out; then one read says why.
    const old = error.Item === undefined ? await readItem(options, tenantId) : unmarshall(error.Item);
    return { taken: false, found: old === null ? null : toFound(tenantId, old) };
  }
}

async function keep(options: DynamoGatesOptions, tenantId: string, total: LastingTotal): Promise<void> {
  for (let tries = 0; tries < keepTriesMax; tries += 1) {
    const item = await readItem(options, tenantId);
    if (item === null) return;
    const found = toFound(tenantId, item);
    if (found.total.lastingVersion >= total.version) return;
    if (await update(options, tenantId, keeping(found.gate, found.total, total))) return;
  }
  throw new AppError('unavailable', { privateDetail: 'what is kept changed under every try to note it' });
}

async function read(options: DynamoGatesOptions, tenantId: string): Promise<GateView | null> {
  const item = await readItem(options, tenantId);
  return item === null ? null : toView(tenantId, item);
}

async function readItem({ documents, table }: DynamoGatesOptions, tenantId: string): Promise<Item | null> {
  const { Item } = await documents.send(
    new GetCommand({ TableName: table, Key: { ...gateKey(tenantId) }, ConsistentRead: true }),
  );
  return Item ?? null;
}

interface GateUpdate {
  readonly UpdateExpression: string;
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Record<string, unknown>;
}

/** Whether the condition held. */
async function update(options: DynamoGatesOptions, tenantId: string, change: GateUpdate): Promise<boolean> {
  const { documents, table } = options;
  const written = await conditional(
    documents.send(new UpdateCommand({ TableName: table, Key: { ...gateKey(tenantId) }, ...change })),
  );
  return written !== null;
}

/** Drops the counters of windows, traces and buckets long past, once there are enough of them to be worth a write. */
async function tidy(
  options: DynamoGatesOptions,
  { gate, total, traces }: Found,
  nowMs: number,
): Promise<void> {
  const { tenantId } = gate;
  const counters = pastCounters(gate, nowMs);
  const ended = pastTraces(traces, nowMs);
  const { name, attributes } = expression();
  try {
    if (counters.length >= pastCountersMax || ended.length >= pastTracesMax) {
      await update(options, tenantId, {
        UpdateExpression: `REMOVE ${[...counters, ...ended].map(name).join(', ')}`,
        ConditionExpression: 'attribute_exists(pk)',
        ...attributes(),
      });
    }
    if (hasForgettable(gate, nowMs, pastBucketsMax))
      await update(options, tenantId, recount(gate, total, nowMs));
  } catch (error) {
    // The admission stands; a later one tidies.
    options.log.warn('gate_not_tidied', { tenantId, error: String(error) });
  }
}

/** Renders the ask: what {@link judge} would let pass, and what `take` would change. */
function takeAll(ask: AdmissionAsk) {
  const rendered = expression();
  const { name, value, attributes } = rendered;
  const open = name('open');
  const zero = value(0);
  const sum = (attribute: string, add: number) =>
    `${attribute} = if_not_exists(${attribute}, ${zero}) + ${value(add)}`;
  const sets = [
    `${open}.${name(ask.jobId)} = ${value(ask.token)}`,
    sum(name(finishAttribute(ask.line)), ask.tagCost),
    `${name('line')} = ${value(gatesLine)}`,
    `${name('tag')} = ${zero}`,
    // `start` and `release` name places in this map, so it must be there; after the first time it stays what it is.
    `${name('running')} = if_not_exists(${name('running')}, ${value({})})`,
  ];
  const conditions = [
    'attribute_exists(pk)',
    `${name('status')} = ${value('active')}`,
    `attribute_not_exists(${open}.${name(ask.jobId)})`,
    `attribute_not_exists(${name(traceAttribute(traceOf(ask.jobId, ask.token)))})`,
    `size(${open}) < ${value(ask.openJobsMax)}`,
  ];
  if (ask.storage !== null) conditions.push(roomCondition(rendered, ask.storage));
  for (const counter of ask.counters) {
    const attribute = name(counterAttribute(counter.name));
    const room = counter.max - counter.add;
    sets.push(sum(attribute, counter.add));
    if (counter.max === unbounded) continue;
    // A request larger than the whole window fits no window, not even one that nothing was counted in.
    const fresh = room < 0 ? '' : `attribute_not_exists(${attribute}) OR `;
    conditions.push(`(${fresh}${attribute} <= ${value(room)})`);
  }
  return {
    UpdateExpression: `SET ${sets.join(', ')}`,
    ConditionExpression: conditions.join(' AND '),
    ...attributes(),
  };
}

function giveBack(
  jobId: string,
  { token, corrections, finishTag, endsRunning, stored }: Release,
  nowMs: number,
) {
  const rendered = expression();
  const { name, value, attributes } = rendered;
  const reservation = `${name('open')}.${name(jobId)}`;
  const sets = corrections.map(({ counter, delta }) => {
    const attribute = name(counterAttribute(counter));
    // A counter that was dropped with its window ends at zero, never below.
    return `${attribute} = if_not_exists(${attribute}, ${value(-delta)}) + ${value(delta)}`;
  });
  if (finishTag !== null) {
    const finish = name(finishAttribute(finishTag.line));
    sets.push(`${finish} = if_not_exists(${finish}, ${value(0)}) + ${value(finishTag.delta)}`);
  }
  if (stored) sets.push(...storingSets(rendered, stored));
  sets.push(`${name(traceAttribute(traceOf(jobId, token)))} = ${value(secondOf(nowMs))}`);
  const removes = endsRunning === true ? [reservation, `${name('running')}.${name(jobId)}`] : [reservation];
  return {
    UpdateExpression: `SET ${sets.join(', ')} REMOVE ${removes.join(', ')}`,
    ConditionExpression: `${reservation} = ${value(token)}`,
    ...attributes(),
  };
}

/** One write when the place is had; a refusal is one write, and a read where the store leaves the old item out. */
async function start(
  options: DynamoGatesOptions,
  tenantId: string,
  { jobId, attempt, max }: { readonly jobId: string; readonly attempt: number; readonly max: number },
): Promise<StartOutcome> {
  const { name, value, attributes } = expression();
  const running = name('running');
  const place = `${running}.${name(jobId)}`;
  try {
    await options.documents.send(
      new UpdateCommand({
        TableName: options.table,
        Key: { ...gateKey(tenantId) },
        UpdateExpression: `SET ${place} = ${value(attempt)}`,
        ConditionExpression:
          `attribute_exists(${name('open')}.${name(jobId)}) AND ` +
          `(${place} <= ${value(attempt)} OR (attribute_not_exists(${place}) AND size(${running}) < ${value(max)}))`,
        ...attributes(),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
    return { kind: 'started' };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    const { documents, table } = options;
    const old = error.Item === undefined ? undefined : unmarshall(error.Item);
    const key = { TableName: table, Key: { ...gateKey(tenantId) }, ConsistentRead: true };
    const item = old ?? (await documents.send(new GetCommand(key))).Item;
    if (item === undefined) return { kind: 'gone' };
    const gate = parseItem(runningSchema, item, 'gate');
    if (gate.open[jobId] === undefined || gate.running[jobId] !== undefined) return { kind: 'gone' };
    return { kind: 'full', holders: Object.keys(gate.running) };
  }
}

async function listOpen(
  { documents, table }: DynamoGatesOptions,
  cursor: string | undefined,
): Promise<Page<string>> {
  const { name, value, attributes } = expression();
  const from = cursor === undefined ? null : decodeCursor(gatesLine, positionSchema, cursor);
  const page = await documents.send(
    new QueryCommand({
      TableName: table,
      IndexName: indexes.line.name,
      KeyConditionExpression: `${name('line')} = ${value(gatesLine)}`,
      ...attributes(),
      Limit: pageSize,
      ...(from === null
        ? {}
        : { ExclusiveStartKey: { ...gateKey(from.tenantId), line: gatesLine, tag: from.tag } }),
    }),
  );
  const last = page.LastEvaluatedKey;
  return {
    items: (page.Items ?? []).map((item) => toPosition(item).tenantId),
    cursor: last === undefined ? null : encodeCursor(gatesLine, toPosition(last)),
  };
}

function toPosition(item: Item): z.infer<typeof positionSchema> {
  const { pk, tag } = parseItem(entrySchema, item, 'gate entry');
  return { tenantId: pk.slice('T#'.length), tag };
}

function toView(tenantId: string, item: Item): GateView {
  const { status, open } = parseItem(gateSchema, item, 'gate');
  const counters: Record<string, number> = {};
  const finishTags: Record<string, number> = {};
  for (const [attribute, content] of Object.entries(item)) {
    const counter = readCounterAttribute(attribute);
    const pool = readFinishAttribute(attribute);
    if (counter !== null) counters[counter] = Number(content);
    else if (pool !== null) finishTags[pool] = Number(content);
  }
  return { tenantId, open, counters, finishTags, stored: storedOfItem(item), status };
}

function toFound(tenantId: string, item: Item): Found {
  return { gate: toView(tenantId, item), total: totalOf(item), traces: tracesOfItem(item) };
}

function hasTrace(traces: Traces, name: string, token: string): boolean {
  return traces[traceOf(name, token)] !== undefined;
}

/** Attributes of the counters that may go. */
function pastCounters(gate: GateView, nowMs: number): string[] {
  return Object.keys(gate.counters)
    .filter((counter) => mayForgetCounter(counter, nowMs))
    .map(counterAttribute);
}
