/** What the routes of usage share: the time asked for, and the answer as JSON or CSV. */
import { presentUsage, usageCsv, usageGroupBy, usageSpan } from '#core/api/usage-resource.ts';
import type { UsageAsk } from '#core/billing/usage.ts';
import { AppError } from '#core/errors.ts';
import type { UsageOutcome } from '#core/flows/usage.ts';
import type { ApiAnswer } from './answer.ts';
import { csvContentType, PlainText } from './answer.ts';

export interface UsageQuery {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly group_by: string;
  readonly format: 'json' | 'csv';
}

/** Throws `invalid_request` for a time that is none, or for more of it or finer groups than one answer holds. */
export async function answerUsage(
  query: UsageQuery,
  nowMs: number,
  read: (ask: UsageAsk) => Promise<UsageOutcome>,
): Promise<ApiAnswer> {
  const span = usageSpan(query, nowMs);
  if (span.fromMs >= span.toMs) throw fault('from', 'must be before `to`');
  const groupBy = usageGroupBy(query.group_by);
  const outcome = await read({ ...span, groupBy });
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
      return {
        status: 200,
        body: query.format === 'csv' ? new PlainText(usageCsv(usage, groupBy), csvContentType) : usage,
      };
    }
  }
}

function fault(path: string, message: string): AppError {
  return new AppError('invalid_request', { details: [{ path, message }] });
}
