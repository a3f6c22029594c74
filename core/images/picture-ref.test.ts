import { describe, expect, it } from 'vitest';
import { readPictureRef } from './picture-ref.ts';

const fileId = 'file_01hzy3v6q8k2m4n6p8r0s2t4v6';

describe('the name of a picture', () => {
  it.each([
    ['the id of a file', fileId],
    ['the path of its content', `/v1/files/${fileId}/content`],
    ['the address of its content', `https://api.example/v1/files/${fileId}/content`],
    ['the same on a machine of its own', `http://127.0.0.1:4180/v1/files/${fileId}/content`],
  ])('is a file: %s', (_, text) => {
    expect(readPictureRef(text)).toEqual({ kind: 'file', fileId });
  });

  it.each([
    'https://example.com/a.png',
    'HTTP://example.com',
    `https://example.com/?x=/v1/files/${fileId}/content`,
  ])('is an address: %s', (text) => {
    expect(readPictureRef(text)).toEqual({ kind: 'address' });
  });

  it.each([
    '',
    'file_1',
    `${fileId}0`,
    'file:///etc/passwd',
    'data:image/png;base64,AAAA',
    '//example.com/a.png',
    `../${fileId}`,
  ])('is none: %s', (text) => {
    expect(readPictureRef(text)).toBeNull();
  });
});
