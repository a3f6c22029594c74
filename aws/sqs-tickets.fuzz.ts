/** Properties of the decoder of queue messages. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { isIdForm, jobKey } from './keys.ts';
import { readTicket } from './sqs-tickets.ts';

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$/);
const text = fc.string({ unit: 'binary', maxLength: 40 });
const counts = fc.oneof(
  fc.constantFrom('1', '0', '-1', '1.5', '', 'NaN', '1e3', '0x2', ' 7 ', '9'.repeat(400)),
  text,
);
const bodies = fc.oneof(
  text,
  fc.json(),
  fc
    .record({ tenantId: fc.oneof(id, text, fc.jsonValue()), jobId: fc.oneof(id, text, fc.jsonValue()) })
    .map((body) => JSON.stringify(body)),
  fc.record({ tenantId: id, jobId: id, __proto__: fc.jsonValue() }).map((body) => JSON.stringify(body)),
);

describe('the decoder of queue messages', () => {
  it('reads a ticket as it was sent', () => {
    fc.assert(
      fc.property(
        id,
        id,
        fc.integer({ min: 1, max: 1_000 }),
        text,
        (tenantId, jobId, deliveries, receipt) => {
          const message = {
            Body: JSON.stringify({ tenantId, jobId }),
            ReceiptHandle: receipt,
            Attributes: { ApproximateReceiveCount: String(deliveries) },
          };

          expect(readTicket('demo', message)).toEqual({ pool: 'demo', tenantId, jobId, deliveries, receipt });
        },
      ),
      budget(500),
    );
  });

  it('makes of anything else null or a ticket whose job can be looked up, and never throws', () => {
    fc.assert(
      fc.property(
        fc.option(bodies, { nil: undefined }),
        counts,
        fc.option(text, { nil: undefined }),
        (Body, count, ReceiptHandle) => {
          const message = { Attributes: { ApproximateReceiveCount: count } };
          const ticket = readTicket('demo', {
            ...message,
            ...(Body === undefined ? {} : { Body }),
            ...(ReceiptHandle === undefined ? {} : { ReceiptHandle }),
          });
          if (ticket === null) return;

          expect(Object.keys(ticket).toSorted()).toEqual([
            'deliveries',
            'jobId',
            'pool',
            'receipt',
            'tenantId',
          ]);
          expect(ticket.pool).toBe('demo');
          expect(Number.isSafeInteger(ticket.deliveries) && ticket.deliveries > 0).toBe(true);
          expect(isIdForm(ticket.jobId)).toBe(true);
          expect(jobKey(ticket.tenantId, ticket.jobId).pk).toBe(`T#${ticket.tenantId}`);
        },
      ),
      budget(2_000),
    );
  });
});
