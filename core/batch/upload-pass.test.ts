import { describe, expect, it } from 'vitest';
import { readUploadPass, writeUploadPass } from './upload-pass.ts';

const pass = { tenantId: 'tenant-a', fileId: `file_${'0'.repeat(26)}`, untilMs: 60_000 };
const text = writeUploadPass('secret', pass);

describe('a pass to upload', () => {
  it('is read as it was written, until its end', () => {
    expect(readUploadPass('secret', text, 59_999)).toEqual(pass);
    expect(readUploadPass('secret', text, 60_000)).toBeNull();
  });

  it.each([
    ['another tenant', text.replace('tenant-a', 'tenant-b')],
    ['another file', text.replace('file_0', 'file_1')],
    ['a later end', text.replace('.60.', '.61.')],
    ['no seal', text.slice(0, -43)],
    ['nothing', ''],
  ])('opens nothing with %s', (_, changed) => {
    expect(readUploadPass('secret', changed, 0)).toBeNull();
  });

  it('opens nothing under another secret', () => {
    expect(readUploadPass('other', text, 0)).toBeNull();
  });
});
