/**
 * How a gate's item holds what its tenant stores: an attribute a bucket, and their total, since no condition of DynamoDB
 * adds up. The total counts every bucket that had not ended on `bytesDay`, so it may be too much once some have ended, and
 * never too little for a clock of that day or later: admission is refused by it alone, and then looked into. `recount`
 * takes off what was too much, whatever is stored meanwhile, once. That is two writes more, at most once a day, and only for
 * a tenant that is at its limit by what has gone already.
 */
import * as z from 'zod';
import type { GateView, StorageAsk } from '#core/admission/gate.ts';
import type { LastingTotal, Stored, StoredBytes } from '#core/admission/stored-bytes.ts';
import { dayOf, forgettableBuckets, keptBytes, lastingBucket } from '#core/admission/stored-bytes.ts';
import type { Expression } from './expression.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { parseItem } from './items.ts';
import { readStoredAttribute, storedAttribute } from './keys.ts';

const totalSchema = z.object({
  bytes: z.int().default(0),
  bytesDay: z.int().default(0),
  /** Counts the recounts. */
  bytesVersion: z.int().default(0),
  /** Of the total that the lasting bucket holds. */
  lastingVersion: z.int().default(0),
});

export type StoredTotal = z.infer<typeof totalSchema>;

/**
 * A clock behind the one that recounted finds a smaller total than it would have made, so one that is far ahead must not
 * be believed. A day of trust spares two clocks on both sides of midnight from recounting in turn.
 */
const trustedDays = 1;

export function totalOf(item: Item): StoredTotal {
  return parseItem(totalSchema, item, 'gate');
}

export function storedOfItem(item: Item): StoredBytes {
  const stored = Object.entries(item).flatMap(([attribute, content]) => {
    const bucket = readStoredAttribute(attribute);
    return bucket === null ? [] : [[bucket, Number(content)] as const];
  });
  return Object.fromEntries(stored);
}

/** The condition under which the total leaves room; {@link leavesRoom} is the same for an item that was read. */
export function roomCondition({ name, value }: Expression, { bytesMax, day }: StorageAsk): string {
  const [bytes, bytesDay] = [name('bytes'), name('bytesDay')];
  const isBelow = `${bytes} < ${value(bytesMax)} AND ${bytesDay} <= ${value(day + trustedDays)}`;
  return `(attribute_not_exists(${bytes}) OR (${isBelow}))`;
}

export function leavesRoom({ bytes, bytesDay }: StoredTotal, { bytesMax, day }: StorageAsk): boolean {
  return bytes < bytesMax && bytesDay <= day + trustedDays;
}

/** What a `SET` does to count a job's bytes. */
export function storingSets({ name, value }: Expression, { bucket, bytes }: Stored): string[] {
  const zero = value(0);
  const sum = (attribute: string, add: number) =>
    `${name(attribute)} = if_not_exists(${name(attribute)}, ${zero}) + ${value(add)}`;
  return [
    sum(storedAttribute(bucket), bytes),
    sum('bytes', bytes),
    sum('bytesDay', 0),
    sum('bytesVersion', 0),
  ];
}

/**
 * Makes the lasting bucket hold this total, and takes the total of all with it by as much, if the bucket still holds what it
 * held as the item was read.
 */
export function keeping(
  { stored }: GateView,
  { lastingVersion }: StoredTotal,
  { bytes, version }: LastingTotal,
) {
  const rendered = expression();
  const { name, value, attributes } = rendered;
  const noted = name('lastingVersion');
  const more = { bucket: lastingBucket, bytes: bytes - (stored[lastingBucket] ?? 0) };
  const isAsRead = `${noted} = ${value(lastingVersion)}`;
  return {
    UpdateExpression: `SET ${[...storingSets(rendered, more), `${noted} = ${value(version)}`].join(', ')}`,
    ConditionExpression:
      lastingVersion === 0
        ? `attribute_exists(pk) AND (attribute_not_exists(${noted}) OR ${isAsRead})`
        : isAsRead,
    ...attributes(),
  };
}

/** True for a gate with so many buckets, or more, that ended long ago. */
export function hasForgettable({ stored }: GateView, nowMs: number, count: number): boolean {
  return forgettableBuckets(stored, nowMs).length >= count;
}

/**
 * Makes the total that of the buckets which stand now, and drops those that ended long ago. Bytes that are stored since
 * the item was read are added to either side alike; another recount since then makes this one void.
 */
export function recount({ stored }: GateView, { bytes, bytesVersion }: StoredTotal, nowMs: number) {
  const { name, value, attributes } = expression();
  const [total, version] = [name('bytes'), name('bytesVersion')];
  const sets = [
    `${total} = ${total} + ${value(keptBytes(stored, nowMs) - bytes)}`,
    `${name('bytesDay')} = ${value(dayOf(nowMs))}`,
    `${version} = ${value(bytesVersion + 1)}`,
  ];
  const past = forgettableBuckets(stored, nowMs).map((bucket) => name(storedAttribute(bucket)));
  return {
    UpdateExpression: `SET ${sets.join(', ')}${past.length === 0 ? '' : ` REMOVE ${past.join(', ')}`}`,
    ConditionExpression: `${version} = ${value(bytesVersion)}`,
    ...attributes(),
  };
}
