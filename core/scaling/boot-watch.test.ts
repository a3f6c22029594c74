import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fleetLimits } from '../limits.ts';
import type { BootSight, BootWatch } from './boot-watch.ts';
import { afterReplacing, bootWatchSchema, nothingBoots, watchBoots } from './boot-watch.ts';
import type { InstanceGroup } from './instance-plan.ts';
import { planInstances } from './instance-plan.ts';

const { joinMs, lostInARowMax, lostForgottenMs } = fleetLimits;
const start = 1_000_000_000_000;
const minuteMs = 60_000;

/** One look, all of whose lost instances are replaced. */
function look(before: BootWatch, given: Partial<BootSight>) {
  const sight = { notJoined: [], joinedAtMs: null, nowMs: start, ...given };
  const verdict = watchBoots(before, sight);
  return { ...verdict, after: afterReplacing(before, verdict, verdict.lost, sight.nowMs) };
}

describe('an instance that is in service and not in the cluster', () => {
  it('is awaited for as long as a boot may last, and is lost then', () => {
    const { after } = look(nothingBoots, { notJoined: ['i-1'] });

    expect(look(after, { notJoined: ['i-1'], nowMs: start + joinMs - 1 }).lost).toEqual([]);
    expect(look(after, { notJoined: ['i-1'], nowMs: start + joinMs }).lost).toEqual(['i-1']);
  });

  it('is forgotten once it joins, and awaited anew should it come back', () => {
    const seen = look(nothingBoots, { notJoined: ['i-1'] }).after;
    const joined = look(seen, { joinedAtMs: start, nowMs: start + minuteMs }).after;

    expect(joined.waiting).toEqual({});
    expect(look(joined, { notJoined: ['i-1'], nowMs: start + joinMs }).lost).toEqual([]);
  });

  it('is written down once, and not at every look', () => {
    const first = look(nothingBoots, { notJoined: ['i-1', 'i-2'] }).after;

    expect(look(first, { notJoined: ['i-2', 'i-1'], nowMs: start + minuteMs }).after).toBe(first);
    expect(look(nothingBoots, {}).after).toBe(nothingBoots);
  });

  it('is not lost by a clock that ran a day ahead when it was seen first and was put right', () => {
    const ahead = look(nothingBoots, { notJoined: ['i-1'], nowMs: start + 24 * 60 * minuteMs }).after;

    const { lost, after } = look(ahead, { notJoined: ['i-1'], nowMs: start });

    expect(lost).toEqual([]);
    expect(look(after, { notJoined: ['i-1'], nowMs: start + joinMs }).lost).toEqual(['i-1']);
  });

  it('counts as one try when ending it failed, and is tried again', () => {
    const seen = look(nothingBoots, { notJoined: ['i-1'] }).after;
    const once = look(seen, { notJoined: ['i-1'], nowMs: start + joinMs });
    const twice = look(once.after, { notJoined: ['i-1'], nowMs: start + joinMs + minuteMs });

    expect(twice.lost).toEqual(['i-1']);
    expect(twice.after.replaced).toHaveLength(1);
  });

  it('does not count where it is ended for good, because nobody needs it', () => {
    const seen = look(nothingBoots, { notJoined: ['i-1'] }).after;
    const verdict = watchBoots(seen, { notJoined: ['i-1'], joinedAtMs: null, nowMs: start + joinMs });

    expect(afterReplacing(seen, verdict, [], start + joinMs).replaced).toEqual([]);
  });
});

describe('instances in a row none of which joined', () => {
  const many = ['i-1', 'i-2', 'i-3', 'i-4', 'i-5'];
  const tried = () => {
    const seen = look(nothingBoots, { notJoined: many }).after;
    return look(seen, { notJoined: many, nowMs: start + joinMs });
  };

  it('are replaced so often and no more; the others stand, and are told of', () => {
    const { lost, stuck } = tried();

    expect(lost).toHaveLength(lostInARowMax);
    expect([...lost, ...stuck].toSorted()).toEqual(many);
  });

  it('are replaced again once one joined after them', () => {
    const { after } = tried();
    const nowMs = start + joinMs + minuteMs;

    expect(look(after, { notJoined: ['i-4'], joinedAtMs: start, nowMs }).lost).toEqual([]);
    expect(look(after, { notJoined: ['i-4'], joinedAtMs: nowMs, nowMs }).lost).toEqual(['i-4']);
  });

  it('are replaced again once their tries are hours old', () => {
    const { after } = tried();
    const forgotten = start + joinMs + lostForgottenMs;

    expect(look(after, { notJoined: ['i-4'], nowMs: forgotten - 1 }).lost).toEqual([]);
    expect(look(after, { notJoined: ['i-4'], nowMs: forgotten }).lost).toEqual(['i-4']);
  });
});

describe('a group that is looked at every minute', () => {
  const scenario = fc.record({
    workers: fc.integer({ min: 1, max: 4 }),
    /** Of the instances, in the order of their launches: how many minutes each takes to join; null never does. */
    boots: fc.array(fc.option(fc.nat(joinMs / minuteMs - 2)), { minLength: 1, maxLength: 12 }),
    /** What each look comes to: the end of an instance may fail, and the record may not be written. */
    faults: fc.array(fc.constantFrom('none', 'none', 'not_ended', 'conflict'), {
      minLength: 1,
      maxLength: 7,
    }),
  });
  const hours = 13;

  it('replaces no more in a row than may be, ends none that joined, and always what never joins while it may', () => {
    fc.assert(
      fc.property(scenario, (given) => {
        const { ends, standing, launched } = runGroup(given, hours * 60);

        for (const { instance, atMs } of ends) {
          expect(instance.joinsInMs).toBeNull();
          expect(atMs - instance.launchedAtMs).toBeGreaterThanOrEqual(joinMs);
          const row = ends.filter((other) => {
            const isLater = other.atMs >= atMs && other.atMs < atMs + lostForgottenMs;
            return isLater && !launched.some((each) => joinsBetween(each, atMs, other.atMs));
          });
          expect(row.length).toBeLessThanOrEqual(lostInARowMax);
        }
        expect(standing).toHaveLength(given.workers);
      }),
      {
        examples: [
          // One joins at the look that ends another.
          [{ workers: 4, boots: [null, null, 0, 0], faults: ['none'] }],
          // An end that failed is tried again a minute later.
          [
            {
              workers: 1,
              boots: [null],
              faults: ['none', 'conflict', 'none', 'not_ended', 'none', 'none', 'none'],
            },
          ],
        ],
      },
    );
  });

  it('has each worker its instance in the end where no more than so many in a row fail', () => {
    const { standing, ends } = runGroup({ workers: 1, boots: [null, null, null, 1], faults: ['none'] }, 60);

    expect(ends).toHaveLength(3);
    expect(standing.map(({ joinsInMs }) => joinsInMs)).toEqual([minuteMs]);
  });

  it('launches twelve instances a day and no more for one worker whose AMI is broken', () => {
    const { ends } = runGroup({ workers: 1, boots: [null], faults: ['none'] }, 24 * 60);

    expect(ends.length).toBeLessThanOrEqual(12);
    expect(ends.length).toBeGreaterThan(lostInARowMax);
  });
});

interface Launched {
  readonly id: string;
  readonly launchedAtMs: number;
  readonly joinsInMs: number | null;
}

const joinsAtMs = ({ launchedAtMs, joinsInMs }: Launched) =>
  joinsInMs === null ? Number.POSITIVE_INFINITY : launchedAtMs + joinsInMs;
/** One that joins at the very look that ends another is known to that look. Ends of one look are in a row, whoever joins. */
const joinsBetween = (each: Launched, fromMs: number, toMs: number) =>
  fromMs < toMs && joinsAtMs(each) >= fromMs && joinsAtMs(each) <= toMs;

/** A group of Auto Scaling, the planner and the watch together; what was ended while it was needed, and what stands. */
function runGroup(
  given: {
    workers: number;
    boots: readonly (number | null)[];
    faults: readonly ('none' | 'not_ended' | 'conflict')[];
  },
  minutes: number,
) {
  const launched: Launched[] = [];
  /** When its end was tried first: that counts, as an end that fails is tried again. */
  const triedAtMs = new Map<string, number>();
  const ends: { readonly instance: Launched; readonly atMs: number }[] = [];
  let standing: Launched[] = [];
  let watch = nothingBoots;
  let desired = 0;
  for (let minute = 0; minute < minutes; minute += 1) {
    const nowMs = start + minute * minuteMs;
    while (standing.length < desired) {
      const boot = given.boots[launched.length % given.boots.length] ?? null;
      const joinsInMs = boot === null ? null : boot * minuteMs;
      const instance = { id: `i-${launched.length}`, launchedAtMs: nowMs, joinsInMs };
      launched.push(instance);
      standing.push(instance);
    }
    const hasJoined = (each: Launched) => joinsAtMs(each) <= nowMs;
    const joined = standing.filter(hasJoined).map(joinsAtMs);
    const notJoined = standing.filter((each) => !hasJoined(each)).map(({ id }) => id);
    const verdict = watchBoots(watch, {
      notJoined,
      joinedAtMs: joined.length === 0 ? null : Math.max(...joined),
      nowMs,
    });
    const group: InstanceGroup = {
      name: 'warm',
      market: 'on_demand',
      desired,
      max: 8,
      isShort: false,
      instances: standing.map((each) => ({
        instanceId: each.id,
        state: verdict.lost.includes(each.id) ? 'closed' : hasJoined(each) ? 'at_work' : 'booting',
      })),
    };
    const rules = { workersPerInstance: 1, onDemandFirst: 0, spotPercent: 0 };
    const plan = planInstances({ workers: given.workers, groups: [group] }, rules);
    desired = plan.resize[0]?.desired ?? desired;
    const fault = given.faults[minute % given.faults.length];
    const after = afterReplacing(watch, verdict, plan.replace, nowMs);
    if (after !== watch && fault === 'conflict') continue;
    watch = bootWatchSchema.parse(after);
    for (const id of plan.replace) if (!triedAtMs.has(id)) triedAtMs.set(id, nowMs);
    if (fault === 'not_ended') continue;
    const replaced = standing.filter(({ id }) => plan.replace.includes(id));
    ends.push(...replaced.map((instance) => ({ instance, atMs: triedAtMs.get(instance.id) ?? nowMs })));
    standing = standing.filter((each) => !replaced.includes(each));
  }
  while (standing.length < desired) standing.push({ id: 'on its way', launchedAtMs: 0, joinsInMs: null });
  return { ends, standing, launched };
}
