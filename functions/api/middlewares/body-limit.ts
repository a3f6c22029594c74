/** Refuses a body above the limit by its bytes, before anything reads it. A form may have more, where a route takes one. */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { Route } from '#core/api/route.ts';
import { AppError } from '#core/errors.ts';
import { apiLimits } from '#core/limits.ts';
import { isForm } from './form-body.ts';

/** What a form has around its file: boundaries, headers and the other fields. */
const formOverheadBytes = 16 * 1024;

export function bodyLimit(
  route: Pick<Route, 'formBytesMax' | 'isFile'>,
): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  const { formBytesMax } = route;
  return {
    before({ event }) {
      const { body, isBase64Encoded } = event;
      const bytes = body === null ? 0 : Buffer.byteLength(body, isBase64Encoded ? 'base64' : 'utf8');
      if (formBytesMax === undefined || !isForm(event, route)) {
        if (bytes > apiLimits.bodyBytesMax) throw new AppError('payload_too_large');
      } else if (bytes > formBytesMax + formOverheadBytes) {
        const tooLarge = `The file is larger than ${formBytesMax / 1024 ** 2} MiB.`;
        const otherWay =
          ' Announce a larger one as JSON, with its bytes and sha256, and upload it by the link.';
        const publicMessage = route.isFile ? tooLarge : tooLarge + otherWay;
        throw new AppError('payload_too_large', { publicMessage });
      }
    },
  };
}
