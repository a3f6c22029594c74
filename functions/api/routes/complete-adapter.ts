import { presentAdapter } from '#core/api/adapter-resource.ts';
import { AppError } from '#core/errors.ts';
import { completeAdapter as complete } from '#core/flows/adapters.ts';
import type { RouteHandler } from '../route-handler.ts';

export const completeAdapter: RouteHandler<'completeAdapter'> = async (deps, { caller, params }) => {
  const outcome = await complete(deps, caller.tenant.tenantId, params.id);
  switch (outcome.kind) {
    case 'ready':
      return { status: 200, body: presentAdapter(outcome.adapter) };
    case 'refused': {
      const { rule, detail } = outcome;
      const details = [{ path: 'file', message: detail, code: rule }];
      throw new AppError('invalid_adapter', { publicMessage: `The adapter is refused: ${detail}.`, details });
    }
    case 'not_uploaded':
      throw new AppError('conflict', {
        publicMessage:
          'The file has not been uploaded: put it where POST /v1/adapters says, then complete it.',
      });
    case 'missing':
      throw new AppError('not_found');
  }
};
