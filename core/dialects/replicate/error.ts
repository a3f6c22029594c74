/**
 * Errors as Replicate has them (RFC 9457: `title`, `detail`, `status`), with ours beside as one more member, which tells
 * programs the code and the request's id.
 */
import * as z from 'zod';
import { errorSchema, presentError } from '../../api/error-resource.ts';
import type { AppError, ErrorDetail, RequestErrorCode } from '../../errors.ts';
import { requestErrors } from '../../errors.ts';

export const problemSchema = z
  .strictObject({
    title: z.string(),
    detail: z.string(),
    status: z.int(),
    invalid_fields: z
      .array(z.strictObject({ type: z.string(), field: z.string(), description: z.string() }))
      .optional()
      .meta({ description: 'What is wrong with the input, field by field' }),
    retry_after: z.int().optional().meta({ description: 'Seconds, as the header says them' }),
    error: errorSchema.shape.error,
  })
  .meta({ id: 'ReplicateProblem' });

type Problem = z.infer<typeof problemSchema>;

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthenticated',
  402: 'Insufficient credit',
  403: 'Permission denied',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Payload too large',
  415: 'Unsupported media type',
  422: 'Input validation failed',
  429: 'Too many requests',
  431: 'Headers too large',
};

/** Input that is not valid is 422, as the original's; everything else as everywhere here. */
export function problemStatus(code: RequestErrorCode): number {
  return code === 'invalid_request' ? 422 : requestErrors[code].status;
}

export function presentProblem(
  error: AppError,
  requestId: string,
  traceId?: string,
): { status: number; body: Problem } {
  const { body } = presentError(error, requestId, traceId);
  const status = problemStatus(error.code);
  const { details } = error.options;
  const { retry_after_s } = body.error;
  return {
    status,
    body: {
      title: titles[status] ?? 'Internal server error',
      detail: details === undefined ? body.error.message : details.map(lineOf).join(''),
      status,
      ...(details === undefined ? {} : { invalid_fields: details.map(fieldOf) }),
      ...(retry_after_s === undefined ? {} : { retry_after: retry_after_s }),
      error: body.error,
    },
  };
}

function lineOf({ path, message }: ErrorDetail): string {
  return `- ${path === '' ? '' : `${path} `}${message}\n`;
}

function fieldOf({ path, message, code }: ErrorDetail) {
  return {
    type: code ?? (message === 'is required' ? 'required' : 'invalid'),
    field: path,
    description: message,
  };
}
