import { describe, expect, it } from 'vitest';
import type { PortOperation } from './operations.ts';
import { permissionsOf } from './operations.ts';

describe('permissionsOf', () => {
  it('names each action once', () => {
    expect(permissionsOf(['keys.get', 'tenants.get', 'tickets.send'])).toEqual(
      new Map([
        ['table', ['dynamodb:GetItem']],
        ['queues', ['sqs:SendMessage']],
      ]),
    );
  });

  it('gives nothing for nothing', () => {
    expect(permissionsOf([])).toEqual(new Map());
  });

  it('lets those who read objects tell a missing one from a forbidden one', () => {
    const reads: readonly PortOperation[] = ['blobs.get', 'adapterFiles.read'];

    expect(reads.map((operation) => permissionsOf([operation]).get('bucket'))).toEqual([
      ['s3:ListBucket'],
      ['s3:ListBucket'],
    ]);
  });
});
