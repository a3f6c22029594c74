/** Asked again for the same amount, the answer is the first refund: a lost answer can be asked for safely. */
import { presentLedgerEntry } from '#core/api/ledger-resource.ts';
import type { LedgerEntry } from '#core/billing/ledger.ts';
import { AppError } from '#core/errors.ts';
import { refund } from '#core/flows/refund.ts';
import type { ApiAnswer } from '../answer.ts';
import { lookupId } from '../find-job.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findTenant } from '../tenancy.ts';

export const adminRefundJob: RouteHandler<'adminRefundJob'> = async (deps, { params, body }) => {
  const { tenantId } = await findTenant(deps, params.id);
  const usdMicros = body.usd_micros ?? null;
  const outcome = await refund(deps, {
    tenantId,
    jobId: lookupId(params.job),
    usdMicros,
    reason: body.reason,
  });
  switch (outcome.kind) {
    case 'refunded':
      return answer(outcome.entry);
    case 'refunded_before': {
      const given = -outcome.entry.usdMicros;
      if (given === outcome.askedUsdMicros) return answer(outcome.entry);
      throw new AppError('conflict', { publicMessage: `The job was refunded before: ${given} micro-USD.` });
    }
    case 'no_job':
      throw new AppError('not_found');
    case 'no_charge':
      throw new AppError('conflict', {
        publicMessage: 'The job was not charged: there is nothing to give back.',
      });
    case 'above_charge': {
      const message = `must not be above the charge, which is ${outcome.chargedUsdMicros}`;
      throw new AppError('invalid_request', { details: [{ path: 'usd_micros', message }] });
    }
  }
};

function answer(entry: LedgerEntry): ApiAnswer {
  return { status: 200, body: presentLedgerEntry(entry) };
}
