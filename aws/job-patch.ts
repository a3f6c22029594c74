/** A patch of a job under its guard, as one conditional update. */
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '#core/errors.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { Guard, JobPatch } from '#core/job/transitions.ts';
import { jobLimits } from '#core/limits.ts';
import type { Expression } from './expression.ts';
import { expression } from './expression.ts';
import { lineNames, retentionName, toStored } from './job-items.ts';

export function patchUnder(guard: Guard, patch: JobPatch) {
  const parts = expression();
  const { name, value } = parts;
  const sets = Object.entries(patch).map(([field, content]) => {
    const [stored, written] = toStored(field, content);
    return `${name(stored)} = ${value(written)}`;
  });
  if (typeof patch.finishedAtMs === 'number') {
    const finishedSeconds = value(Math.ceil(patch.finishedAtMs / 1000));
    // An item from before it was stored has the default.
    const retention = `if_not_exists(${name(retentionName)}, ${value(jobLimits.keptMs / 1000)})`;
    sets.push(`${name('ttl')} = ${retention} + ${finishedSeconds}`);
  }
  const removes: string[] = [];
  moveLines(parts, guard, patch, sets, removes);
  const conditions = [
    'attribute_exists(pk)',
    `${name('attempt')} = ${value(guard.attempt)}`,
    `${name('place')}.${name('kind')} = ${value(guard.place)}`,
  ];
  if (guard.leaseExpiredBeforeMs !== undefined) {
    conditions.push(`${name('place')}.${name('expiresAtMs')} < ${value(guard.leaseExpiredBeforeMs)}`);
  }
  const clauses = [
    ...(sets.length === 0 ? [] : [`SET ${sets.join(', ')}`]),
    ...(removes.length === 0 ? [] : [`REMOVE ${removes.join(', ')}`]),
  ];
  return {
    ...(clauses.length === 0 ? {} : { UpdateExpression: clauses.join(' ') }),
    ConditionExpression: conditions.join(' AND '),
    ...parts.attributes(),
  };
}

/** Keeps the sparse index attributes in step with the place, the tag and the line that the patch leaves behind. */
function moveLines(
  { name, value }: Expression,
  guard: Guard,
  patch: JobPatch,
  sets: string[],
  removes: string[],
): void {
  const { pool, class: jobClass, place, tag } = patch;
  if ((pool === undefined) !== (jobClass === undefined)) {
    throw new AppError('internal', { privateDetail: 'a patch moves pool and class together or neither' });
  }
  const moved = pool === undefined || jobClass === undefined ? null : lineNames(pool, jobClass);
  for (const [stored, line] of Object.entries(moved ?? {})) sets.push(`${name(stored)} = ${value(line)}`);
  const kind = place?.kind ?? guard.place;
  if (kind === 'done') {
    removes.push(name('line'), name('tag'));
  } else if (kind === 'line') {
    // An operand of SET reads the item as it was before the update, so what the patch changes is given as a value.
    sets.push(`${name('line')} = ${moved === null ? name('line_waiting') : value(moved.line_waiting)}`);
    sets.push(`${name('tag')} = ${tag === undefined ? name('fair_tag') : value(tag)}`);
  } else {
    sets.push(`${name('line')} = ${moved === null ? name('line_leased') : value(moved.line_leased)}`);
    if (place?.kind === 'lease') sets.push(`${name('tag')} = ${value(place.expiresAtMs)}`);
  }
}

/** Whether the patch is written there already. */
export function carries(job: JobRecord, patch: JobPatch): boolean {
  // Every field of a patch is a field of the record by its type.
  return Object.entries(patch).every(([field, content]) =>
    isDeepStrictEqual((job as Record<string, unknown>)[field], asStored(content)),
  );
}

/** As the table keeps it: a member without a value is none (`removeUndefinedValues` of the client). */
function asStored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asStored);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, asStored(member)]));
}
