import { describe, expect, it } from 'vitest';
import { refundNoteName } from './refund-note.ts';
import { poolOfWarmupNote, readWarmupNote, warmupNoteName, warmupNoteText } from './warmup-note.ts';

const note = {
  warmupId: 'warmup_1',
  keyId: 'key00001',
  model: 'm',
  fromMs: 1,
  untilMs: 2,
  usdMicros: 3,
  fingerprint: null,
  previous: { warmupId: 'warmup_0', model: 'n', untilMs: 1 },
  atMs: 1,
  token: 'x',
};

describe('a warm-up note', () => {
  it('is read back as it was written', () => {
    expect(readWarmupNote(warmupNoteText(note))).toEqual(note);
    expect(poolOfWarmupNote(warmupNoteName('demo--companya'))).toBe('demo--companya');
  });

  it.each(['', '{}', 'null', '{"warmupId":1}', 'a.1.nonce'])('is not read from %j', (text) => {
    expect(readWarmupNote(text)).toBeNull();
  });

  it('is told by its name from a job and from a refund', () => {
    expect(poolOfWarmupNote('job_00000000000000000000000001')).toBeNull();
    expect(poolOfWarmupNote(refundNoteName('job_1'))).toBeNull();
  });
});
