/** Refuses a body above the limit by its bytes, before anything reads it. */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { AppError } from '#core/errors.ts';
import { apiLimits } from '#core/limits.ts';

export function bodyLimit(): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    before({ event: { body, isBase64Encoded } }) {
      const bytes = body === null ? 0 : Buffer.byteLength(body, isBase64Encoded ? 'base64' : 'utf8');
      if (bytes > apiLimits.bodyBytesMax) throw new AppError('payload_too_large');
    },
  };
}
