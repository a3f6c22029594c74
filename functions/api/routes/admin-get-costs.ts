import { presentCosts } from '#core/api/costs-resource.ts';
import { AppError } from '#core/errors.ts';
import { readCosts } from '#core/flows/read-costs.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminGetCosts: RouteHandler<'adminGetCosts'> = async (deps, { query }) => {
  const thisMonth = new Date(deps.clock.nowMs()).toISOString().slice(0, 7);
  const month = query.month ?? thisMonth;
  if (month > thisMonth) {
    const details = [{ path: 'month', message: `must not be later than ${thisMonth}` }];
    throw new AppError('invalid_request', { details });
  }
  return { status: 200, body: presentCosts(month, await readCosts(deps, month.replace('-', ''))) };
};
