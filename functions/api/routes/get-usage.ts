import { presentUsage, usageCsv, usageGroupBy, usageSpan } from '#core/api/usage-resource.ts';
import { AppError } from '#core/errors.ts';
import { readUsage } from '#core/flows/usage.ts';
import { CsvText } from '../answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const getUsage: RouteHandler<'getUsage'> = async (deps, { caller, query }) => {
  const span = usageSpan(query, deps.clock.nowMs());
  if (span.fromMs >= span.toMs) throw fault('from', 'must be before `to`');
  const groupBy = usageGroupBy(query.group_by);
  const outcome = await readUsage(deps, caller.tenant.tenantId, { ...span, groupBy });
  switch (outcome.kind) {
    case 'span_too_long':
      throw fault('from', `must leave at most ${outcome.monthsMax} calendar months up to \`to\``);
    case 'too_many_rows':
      throw fault(
        'group_by',
        `would make more than ${outcome.rowsMax} rows; ask for less time or fewer groups`,
      );
    case 'usage': {
      const usage = presentUsage(outcome.report);
      return { status: 200, body: query.format === 'csv' ? new CsvText(usageCsv(usage, groupBy)) : usage };
    }
  }
};

function fault(path: string, message: string): AppError {
  return new AppError('invalid_request', { details: [{ path, message }] });
}
