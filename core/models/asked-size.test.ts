import { describe, expect, it } from 'vitest';
import { askedSize } from './asked-size.ts';

describe('askedSize', () => {
  it.each([
    [{ size: 512 }, { pixels: 262_144, path: 'input.size' }],
    [{ size: '1024x768' }, { pixels: 786_432, path: 'input.size' }],
    [
      { width: 640, height: 480 },
      { pixels: 307_200, path: 'input.width' },
    ],
    [
      { size: 256, width: 640, height: 480 },
      { pixels: 65_536, path: 'input.size' },
    ],
  ])('of %j is %j', (input, size) => {
    expect(askedSize(input)).toEqual(size);
  });

  it.each([
    {},
    null,
    'text',
    [512],
    { size: 0 },
    { size: -512 },
    { size: 1.5 },
    { size: 'auto' },
    { size: '0x512' },
    { size: '512x' },
    { size: null, width: 640, height: 480 },
    { width: 640 },
    { width: '640', height: 480 },
  ])('of %j is none', (input) => {
    expect(askedSize(input)).toBeNull();
  });
});
