import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobClass, LineEntry } from '../job/job.ts';
import { lineEntryOf } from '../job/job.ts';
import { sampleJob } from '../samples.ts';
import type { DispatchAsk } from './choose-batch.ts';
import { chooseBatch, chooseClass, inARowAfter, modelKey } from './choose-batch.ts';

describe('chooseBatch', () => {
  it('finds nothing in empty lines', () => {
    expect(chooseBatch(ask({}))).toEqual({ head: null, mates: [], virtualTime: 0 });
  });

  it('takes the lowest tag when nothing resident is near', () => {
    const [first, far] = [entry({ tag: 10 }), entry({ tag: 111, model: 'warm' })];

    const { head } = chooseBatch(ask({ interactive: [first, far], resident: ['warm@1'], slackTag: 100 }));

    expect(head).toEqual(first);
  });

  it('lets a job of a resident model go first within the slack', () => {
    const [first, near] = [entry({ tag: 10 }), entry({ tag: 110, model: 'warm' })];

    const { head } = chooseBatch(ask({ interactive: [first, near], resident: ['warm@1'], slackTag: 100 }));

    expect(head).toEqual(near);
  });

  it('leaves the virtual time at the lowest tag that waits, also when a resident model goes first', () => {
    const line = [entry({ tag: 10 }), entry({ tag: 110, model: 'warm' })];

    expect(chooseBatch(ask({ interactive: line, slackTag: 100 })).virtualTime).toBe(10);
    expect(chooseBatch(ask({ interactive: line, resident: ['warm@1'], slackTag: 100 })).virtualTime).toBe(10);
  });

  it('takes mates from the other class by its own line, whatever its tags', () => {
    const first = entry({ tag: 10, batchKey: 'k' });
    const passed = entry({ tag: 901, batchKey: 'x', class: 'batch' });
    const [ahead, near, far] = [900, 1_001, 1_002].map((tag) =>
      entry({ tag, batchKey: 'k', class: 'batch' }),
    );
    const batch = [ahead, passed, near, far].filter((each) => each !== undefined);

    expect(chooseBatch(ask({ interactive: [first], batch, slackTag: 100 })).mates).toEqual([ahead, near]);
  });

  it('takes mates however far behind where they go before nobody', () => {
    const line = [10, 5_000, 90_000].map((tag) => entry({ tag, batchKey: 'k' }));

    expect(chooseBatch(ask({ interactive: line, slackTag: 0 })).mates).toEqual(line.slice(1));
  });

  it('does not take another revision of a model for the resident one', () => {
    const [first, old] = [entry({ tag: 10 }), entry({ tag: 11, model: 'warm', modelRevision: '0' })];

    const { head } = chooseBatch(ask({ interactive: [first, old], resident: ['warm@1'], slackTag: 100 }));

    expect(head).toEqual(first);
  });

  it('fills the batch with jobs of the same batch key from both classes, the least behind its line first', () => {
    const first = entry({ tag: 10, batchKey: 'k' });
    const [late, other] = [entry({ tag: 30, batchKey: 'k' }), entry({ tag: 15, batchKey: 'x' })];
    const fromBatch = entry({ tag: 20, batchKey: 'k', class: 'batch' });

    const { mates } = chooseBatch(
      ask({ interactive: [first, other, late], batch: [fromBatch], batchMax: 4, slackTag: 100 }),
    );

    expect(mates).toEqual([fromBatch, late]);
  });

  it('looks for no mates when the model runs one job a call', () => {
    const line = [entry({ tag: 10, batchKey: 'k' }), entry({ tag: 11, batchKey: 'k' })];

    expect(chooseBatch(ask({ interactive: line, batchMax: 1, slackTag: 100 })).mates).toEqual([]);
  });

  it('lets nobody go before another by more than the slack, whatever waits: that is the whole unfairness', () => {
    fc.assert(
      fc.property(anyAsk, (dispatch) => {
        const { head, mates } = chooseBatch(dispatch);
        const first = dispatch.lines[chooseClass(dispatch)][0];
        if (head === null || first === undefined) {
          expect(dispatch.lines.interactive.length + dispatch.lines.batch.length).toBe(0);
          return;
        }

        const chosen = [head, ...mates];
        for (const line of Object.values(dispatch.lines)) {
          const waiting = line.filter((each) => !chosen.includes(each) && each.batchKey !== head.batchKey);
          const taken = line.filter((each) => chosen.includes(each));
          for (const { tag } of taken) {
            for (const other of waiting) expect(tag - other.tag).toBeLessThanOrEqual(dispatch.slackTag);
          }
        }
        if (head !== first) expect(dispatch.resident.has(modelKey(head))).toBe(true);
      }),
    );
  });

  it('batches only jobs that share the batch key of the head, each once, the least behind its line first', () => {
    fc.assert(
      fc.property(anyAsk, (dispatch) => {
        const { head, mates } = chooseBatch(dispatch);
        const order = mates.map((mate) => behind(dispatch, mate));

        expect(mates.every((mate) => mate.batchKey === head?.batchKey)).toBe(true);
        expect(order).toEqual(order.toSorted((left, right) => left - right));
        expect(new Set([head, ...mates]).size).toBe(1 + mates.length);
      }),
    );
  });
});

describe('chooseClass', () => {
  it('serves the class that waits when only one does, whatever the count', () => {
    const line = [entry({ tag: 1 })];

    expect(chooseClass(ask({ interactive: line, interactiveInARow: 99 }))).toBe('interactive');
    expect(chooseClass(ask({ batch: line, interactiveInARow: 0 }))).toBe('batch');
  });

  it('gives batch work one of every `batchShareOf` claims while both classes wait', () => {
    const line = [entry({ tag: 1 })];
    const served: JobClass[] = [];

    let interactiveInARow = 0;
    for (let turn = 0; turn < 40; turn += 1) {
      const jobClass = chooseClass(
        ask({ interactive: line, batch: line, interactiveInARow, batchShareOf: 4 }),
      );
      interactiveInARow = inARowAfter(
        { lines: { interactive: line, batch: line }, interactiveInARow },
        jobClass,
      );
      served.push(jobClass);
    }

    expect(served.slice(0, 5)).toEqual(['interactive', 'interactive', 'interactive', 'batch', 'interactive']);
    expect(served.filter((jobClass) => jobClass === 'batch')).toHaveLength(10);
  });
});

/** How far an entry is behind the head of its own line. */
function behind({ lines }: DispatchAsk, entry: LineEntry): number {
  return entry.tag - (lines[entry.class][0]?.tag ?? Number.NaN);
}

interface Given {
  readonly interactive?: readonly LineEntry[];
  readonly batch?: readonly LineEntry[];
  readonly resident?: readonly string[];
  readonly batchMax?: number;
  readonly slackTag?: number;
  readonly interactiveInARow?: number;
  readonly batchShareOf?: number;
}

function ask(given: Given): DispatchAsk {
  return {
    lines: { interactive: given.interactive ?? [], batch: given.batch ?? [] },
    resident: new Set(given.resident ?? []),
    batchMax: () => given.batchMax ?? 8,
    slackTag: given.slackTag ?? 0,
    interactiveInARow: given.interactiveInARow ?? 0,
    batchShareOf: given.batchShareOf ?? 4,
  };
}

function entry(overrides: Partial<LineEntry>): LineEntry {
  return { ...lineEntryOf(sampleJob({ jobId: `job_${overrides.class}_${overrides.tag}` })), ...overrides };
}

const anyLine = (jobClass: JobClass) =>
  fc
    .array(
      fc.record({
        tag: fc.nat({ max: 200 }),
        model: fc.constantFrom('a', 'b', 'c'),
        batchKey: fc.constantFrom('k1', 'k2'),
      }),
      { maxLength: 12 },
    )
    .map((items) =>
      items
        .map((item, index) => entry({ ...item, class: jobClass, jobId: `job_${jobClass}_${index}` }))
        .toSorted((left, right) => left.tag - right.tag),
    );

const anyAsk: fc.Arbitrary<DispatchAsk> = fc
  .record({
    interactive: anyLine('interactive'),
    batch: anyLine('batch'),
    resident: fc.subarray(['a@1', 'b@1', 'c@1']),
    batchMax: fc.integer({ min: 1, max: 8 }),
    slackTag: fc.nat({ max: 80 }),
    interactiveInARow: fc.nat({ max: 6 }),
    batchShareOf: fc.integer({ min: 1, max: 5 }),
  })
  .map(ask);
