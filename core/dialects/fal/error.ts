/** Errors as fal has them, `detail` and what its client shows as `message`, with ours beside. */
import * as z from 'zod';
import { errorSchema, presentError } from '../../api/error-resource.ts';
import type { AppError, ErrorDetail, RequestErrorCode } from '../../errors.ts';
import { requestErrors } from '../../errors.ts';

export const falErrorSchema = z
  .strictObject({
    detail: z.union([
      z.string(),
      z.array(
        z.strictObject({ loc: z.array(z.union([z.string(), z.int()])), msg: z.string(), type: z.string() }),
      ),
    ]),
    message: z.string(),
    error: errorSchema.shape.error,
  })
  .meta({ id: 'FalError' });

type FalError = z.infer<typeof falErrorSchema>;

/** Input that is not valid is 422, and a request that is not as far 400, as the original's. */
export function falStatusOf(code: RequestErrorCode): number {
  switch (code) {
    case 'invalid_request':
      return 422;
    case 'conflict':
      return 400;
    default:
      return requestErrors[code].status;
  }
}

export function presentFalError(
  error: AppError,
  requestId: string,
  traceId?: string,
): { status: number; body: FalError } {
  const { body } = presentError(error, requestId, traceId);
  const { details } = error.options;
  const message = details?.map(({ path, message: text }) => `${path} ${text}`.trim()).join('; ');
  return {
    status: falStatusOf(error.code),
    body: {
      detail: details === undefined ? body.error.message : details.map(placed),
      message: message ?? body.error.message,
      error: body.error,
    },
  };
}

/** As FastAPI places it: in the body, member by member. */
function placed({ path, message, code }: ErrorDetail) {
  const loc =
    path === '' ? [] : path.split('.').map((step) => (/^\d{1,9}$/.test(step) ? Number(step) : step));
  const missing = message === 'is required' ? 'missing' : 'value_error';
  return { loc: ['body', ...loc], msg: message, type: code ?? missing };
}
