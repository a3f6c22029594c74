import { expect, it } from 'vitest';
import { formatBytes, formatGb, formatMs, formatTime, formatUsd } from './format.ts';
import { fields, table } from './table.ts';

it('shows money with the digits that it has', () => {
  expect([0, 12, 1_500_000, 526_000, 2_000_001].map(formatUsd)).toEqual([
    '$0.00',
    '$0.000012',
    '$1.50',
    '$0.526',
    '$2.000001',
  ]);
});

it('shows spans in the unit that a person would use', () => {
  expect([0, 340, 1_240, 59_900, 200_000].map(formatMs)).toEqual([
    '0 ms',
    '340 ms',
    '1.2 s',
    '59.9 s',
    '3 min 20 s',
  ]);
});

it('shows sizes and times', () => {
  expect([512, 12_345, 4_000_000, 2_250_000_000].map(formatBytes)).toEqual([
    '512 B',
    '12.3 kB',
    '4.0 MB',
    '2.3 GB',
  ]);
  expect([26, 999, 1_000, 10_400].map(formatGb)).toEqual(['26 MB', '999 MB', '1.0 GB', '10.4 GB']);
  expect(formatTime('2030-03-17T17:46:40.123Z')).toBe('2030-03-17 17:46:40Z');
});

it('aligns the columns of a table', () => {
  expect(
    table(
      ['ID', 'STATUS'],
      [
        ['job_1', 'ok'],
        ['j', 'failed'],
      ],
    ),
  ).toBe('ID     STATUS\njob_1  ok\nj      failed');
});

it('leaves fields without a value out', () => {
  expect(
    fields([
      ['id', 'x'],
      ['error', null],
      ['status', 'ok'],
    ]),
  ).toBe('id      x\nstatus  ok');
});
