import { ledgerMonth, presentLedgerEntry } from '#core/api/ledger-resource.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findTenant } from '../tenancy.ts';

export const adminListLedger: RouteHandler<'adminListLedger'> = async (deps, { params, query }) => {
  const { tenantId } = await findTenant(deps, params.id);
  const month = ledgerMonth(query.month, deps.clock.nowMs());
  const page = await deps.ledger.list(tenantId, month, query.cursor);
  return {
    status: 200,
    body: { object: 'list', data: page.items.map(presentLedgerEntry), next_cursor: page.cursor },
  };
};
