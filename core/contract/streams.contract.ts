/** Promises of `JobEvents`, `Streams` and `Marks`. */
import { describe, expect, it } from 'vitest';
import { protocolLimits } from '../limits.ts';
import type { Mark } from '../ports/marks.ts';
import { sampleNowMs } from '../samples.ts';
import type { Preview, TextPiece } from '../stream/text-piece.ts';
import type { Scene } from './scene.ts';
import { atOnce } from './scene.ts';

const start = { attempt: 0, at: 0 };

/** Any bytes, and as many as a frame of the protocol lets through. */
const preview: Preview = {
  step: 4,
  steps: 8,
  contentType: 'image/jpeg',
  width: 128,
  height: 96,
  body: Uint8Array.from({ length: (protocolLimits.previewCharactersMax / 4) * 3 }, (_, index) => index % 256),
};

export function streamsContract(scene: Scene): void {
  describe('JobEvents', () => {
    it('gives pieces back with every field, by attempt and then by place, whatever order they came in', async () => {
      const [tenantId, jobId] = [scene.tenantId(), scene.jobId()];
      const pieces = [
        pieceOf({ at: 0, text: 'ein ' }),
        pieceOf({ at: 4, text: 'Leuchtturm 灯台 🗼' }),
        pieceOf({ at: 20, text: '', preview }),
        pieceOf({ at: 100, text: '', isLast: true }),
        pieceOf({ attempt: 2, at: 0, text: 'again' }),
        pieceOf({ attempt: 10, at: 0, text: 'and again' }),
      ];

      for (const piece of pieces.toReversed()) await scene.ports.jobEvents.append(tenantId, jobId, piece);

      expect(await scene.ports.jobEvents.read(tenantId, jobId, start, 100)).toEqual(pieces);
    });

    it('reads from a position on, so many at most', async () => {
      const [tenantId, jobId] = [scene.tenantId(), scene.jobId()];
      for (let at = 0; at < 12; at += 1) {
        await scene.ports.jobEvents.append(tenantId, jobId, pieceOf({ at, text: 'x' }));
      }
      await scene.ports.jobEvents.append(tenantId, jobId, pieceOf({ attempt: 2, at: 0 }));
      const placesFrom = async (attempt: number, at: number, limit: number) =>
        (await scene.ports.jobEvents.read(tenantId, jobId, { attempt, at }, limit)).map(
          (piece) => `${piece.attempt}-${piece.at}`,
        );

      expect(await placesFrom(1, 3, 2)).toEqual(['1-3', '1-4']);
      expect(await placesFrom(1, 11, 5)).toEqual(['1-11', '2-0']);
      expect(await placesFrom(2, 1, 5)).toEqual([]);
    });

    it('keeps the first of two pieces of one place', async () => {
      const [tenantId, jobId] = [scene.tenantId(), scene.jobId()];
      const first = pieceOf({ text: 'first' });

      expect(await scene.ports.jobEvents.append(tenantId, jobId, first)).toBe('appended');
      expect(await scene.ports.jobEvents.append(tenantId, jobId, { ...first, text: 'second' })).toBe(
        'exists',
      );

      expect(await scene.ports.jobEvents.read(tenantId, jobId, start, 10)).toEqual([first]);
    });

    it('keeps jobs and tenants apart', async () => {
      const [tenantId, jobId] = [scene.tenantId(), scene.jobId()];
      await scene.ports.jobEvents.append(tenantId, jobId, pieceOf({}));

      expect(await scene.ports.jobEvents.read(scene.tenantId(), jobId, start, 10)).toEqual([]);
      expect(await scene.ports.jobEvents.read(tenantId, scene.jobId(), start, 10)).toEqual([]);
    });
  });

  describe('Streams', () => {
    const nowMs = sampleNowMs;
    const place = { max: 3, nowMs, untilMs: nowMs + 60_000 };
    const opened = (outcomes: readonly string[]) => outcomes.filter((each) => each === 'opened').length;

    it('lets as many be open as it is told, however many ask at once', async () => {
      const tenantId = scene.tenantId();

      const outcomes = await atOnce(8, () => scene.ports.streams.open(tenantId, scene.nonce(), place));

      expect(opened(outcomes)).toBe(3);
      expect(await scene.ports.streams.open(scene.tenantId(), scene.nonce(), place)).toBe('opened');
    });

    it('gives a place free when its stream is closed, once', async () => {
      const [tenantId, streamId] = [scene.tenantId(), scene.nonce()];
      await scene.ports.streams.open(tenantId, streamId, { ...place, max: 1 });

      await scene.ports.streams.close(tenantId, streamId);
      await scene.ports.streams.close(tenantId, streamId);

      expect(await scene.ports.streams.open(tenantId, scene.nonce(), { ...place, max: 1 })).toBe('opened');
      expect(await scene.ports.streams.open(tenantId, scene.nonce(), { ...place, max: 1 })).toBe('full');
    });

    it('holds one place for a stream that is opened again under its name', async () => {
      const [tenantId, streamId] = [scene.tenantId(), scene.nonce()];
      await scene.ports.streams.open(tenantId, streamId, { ...place, max: 1 });

      expect(await scene.ports.streams.open(tenantId, streamId, { ...place, max: 1 })).toBe('opened');
    });

    it('no longer counts a place whose time is over', async () => {
      const tenantId = scene.tenantId();
      const many = { ...place, max: 50, untilMs: nowMs + 10 };
      await atOnce(50, () => scene.ports.streams.open(tenantId, scene.nonce(), many));

      const before = await scene.ports.streams.open(tenantId, scene.nonce(), { ...many, nowMs: nowMs + 9 });
      const after = await scene.ports.streams.open(tenantId, scene.nonce(), { ...many, nowMs: nowMs + 10 });

      expect([before, after]).toEqual(['full', 'opened']);
    });

    it('closes what was never open without effect', async () => {
      await expect(scene.ports.streams.close(scene.tenantId(), scene.nonce())).resolves.toBeUndefined();
    });
  });

  describe('Marks', () => {
    const markOf = (tenantId: string, change: Partial<Mark> = {}): Mark => ({
      tenantId,
      name: scene.nonce(),
      text: '{"ü":"灯台"}',
      untilMs: Math.ceil((scene.clock.nowMs() + 60_000) / 1000) * 1000,
      version: 1,
      ...change,
    });

    it('gives back every field, to its own tenant alone', async () => {
      const mark = markOf(scene.tenantId());

      expect(await scene.ports.marks.put(mark)).toBe('stored');

      expect(await scene.ports.marks.get(mark.tenantId, mark.name)).toEqual(mark);
      expect(await scene.ports.marks.get(scene.tenantId(), mark.name)).toBeNull();
      expect(await scene.ports.marks.get(mark.tenantId, scene.nonce())).toBeNull();
    });

    it('are written by one of many who saw the same, and by nobody who saw none where one stands', async () => {
      const mark = markOf(scene.tenantId());
      const write = (version: number) => atOnce(8, () => scene.ports.marks.put({ ...mark, version }));
      const stored = (outcomes: readonly string[]) => outcomes.filter((each) => each === 'stored').length;

      expect(stored(await write(2))).toBe(0);
      expect(stored(await write(1))).toBe(1);
      expect(stored(await write(2))).toBe(1);
      expect(stored(await write(1))).toBe(0);
    });

    it('count as none once their time is over', async () => {
      const past = Math.floor(scene.clock.nowMs() / 1000) * 1000;
      const mark = markOf(scene.tenantId(), { untilMs: past });
      await scene.ports.marks.put(mark);

      expect(await scene.ports.marks.get(mark.tenantId, mark.name)).toBeNull();
      expect(await scene.ports.marks.put({ ...mark, version: 2 })).toBe('conflict');
      expect(await scene.ports.marks.put({ ...mark, untilMs: past + 60_000 })).toBe('stored');
    });
  });
}

function pieceOf(change: Partial<TextPiece>): TextPiece {
  return { attempt: 1, at: 0, text: 'a', isLast: false, toldAtMs: sampleNowMs, ...change };
}
