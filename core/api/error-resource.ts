/** The error body everywhere under /v1: what OpenAI's SDKs parse, plus the path of every fault. */
import * as z from 'zod';
import type { RequestErrorCode } from '../errors.ts';
import { type AppError, requestErrors } from '../errors.ts';

const codes = Object.keys(requestErrors) as [RequestErrorCode, ...RequestErrorCode[]];

export const errorSchema = z
  .strictObject({
    error: z.strictObject({
      code: z.enum(codes),
      type: z.string(),
      message: z.string(),
      param: z.string().nullable(),
      request_id: z.string(),
      trace_id: z.string().optional().meta({ description: 'The trace (W3C) that our logs have it under' }),
      retryable: z.boolean(),
      retry_after_s: z.int().optional(),
      details: z
        .array(
          z.strictObject({
            path: z.string(),
            message: z.string(),
            line: z.int().optional(),
            column: z.int().optional(),
            code: z.string().optional(),
            counted: z.int().optional(),
            allowed: z.int().optional(),
          }),
        )
        .optional(),
    }),
  })
  .meta({ id: 'Error' });

export type ErrorResource = z.infer<typeof errorSchema>;

/** @param traceId of a request that got far enough to have one */
export function presentError(
  error: AppError,
  requestId: string,
  traceId?: string,
): { status: number; body: ErrorResource } {
  const { status, type, retryable } = requestErrors[error.code];
  const { details, param, retryAfterSeconds } = error.options;
  return {
    status,
    body: {
      error: {
        code: error.code,
        type,
        message: error.publicMessage,
        param: param ?? details?.[0]?.path ?? null,
        request_id: requestId,
        ...(traceId === undefined ? {} : { trace_id: traceId }),
        retryable,
        ...(retryAfterSeconds === undefined ? {} : { retry_after_s: retryAfterSeconds }),
        ...(details === undefined ? {} : { details: [...details] }),
      },
    },
  };
}
