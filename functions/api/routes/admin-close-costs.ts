import { presentCosts } from '#core/api/costs-resource.ts';
import { AppError } from '#core/errors.ts';
import { closeMonth } from '#core/flows/close-month.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminCloseCosts: RouteHandler<'adminCloseCosts'> = async (deps, { query: { month } }) => {
  const outcome = await closeMonth(deps, month.replace('-', ''));
  switch (outcome.kind) {
    case 'closed':
      return { status: 200, body: presentCosts(month, outcome.statements) };
    case 'too_early': {
      const closesAt = new Date(outcome.closesAtMs).toISOString();
      throw new AppError('conflict', {
        param: 'month',
        publicMessage: `Jobs of ${month} may still settle; it can be closed from ${closesAt} on.`,
      });
    }
  }
};
