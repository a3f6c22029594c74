import { describe, expect, it } from 'vitest';
import { sampleJob } from '#core/samples.ts';
import { copy } from './copy.ts';

describe('a copy', () => {
  it('equals the record and shares nothing with it', () => {
    const job = { ...sampleJob(), outputs: [{ nested: { list: [1, null, 'two'] } }] };

    const copied = copy(job);

    expect(copied).toEqual(structuredClone(job));
    expect(copied.outputs[0]).not.toBe(job.outputs[0]);
    expect(copied.outputs[0]?.nested.list).not.toBe(job.outputs[0]?.nested.list);
  });

  it('refuses every change, and so is its own copy', () => {
    const copied = copy({ ...sampleJob(), outputs: [{ nested: { list: [1] } }] });

    expect(Reflect.set(copied, 'status', 'failed')).toBe(false);
    expect(Reflect.set(copied.outputs[0]?.nested.list ?? [], 0, 2)).toBe(false);
    expect(copy(copied)).toBe(copied);
  });

  it('keeps a field named __proto__ a field, and no prototype', () => {
    const record: unknown = JSON.parse('{"__proto__": {"polluted": {"deep": 1}}}');

    const copied = copy(record);

    expect(JSON.stringify(copied)).toBe('{"__proto__":{"polluted":{"deep":1}}}');
    expect(Object.getPrototypeOf(copied)).toBe(Object.prototype);
  });
});
