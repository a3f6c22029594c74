import { expect, it } from 'vitest';
import { once } from './lambda-on-demand.ts';

it('makes what is asked for once, however many ask at the same time', async () => {
  let made = 0;
  const ask = once(async () => {
    made += 1;
    return made;
  });

  expect(await Promise.all([ask(), ask()])).toEqual([1, 1]);
  expect(await ask()).toBe(1);
});

it('makes it anew where it could not be made', async () => {
  const outcomes = [Promise.reject(new Error('no file descriptor is left')), Promise.resolve('made')];
  const ask = once(async () => outcomes.shift());

  await expect(ask()).rejects.toThrow('no file descriptor is left');
  expect(await ask()).toBe('made');
});
