/** What API Gateway answers by itself, in the form of our own errors (`core/api/error-resource.ts`). */
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { ResponseType } from 'aws-cdk-lib/aws-apigateway';
import { presentError } from '#core/api/error-resource.ts';
import type { RequestErrorCode } from '#core/errors.ts';
import { AppError } from '#core/errors.ts';

/** `MISSING_AUTHENTICATION_TOKEN` is API Gateway's word for a path or a method that there is none of. */
const codes: readonly (readonly [
  type: ResponseType,
  code: RequestErrorCode,
  headers?: Record<string, string>,
])[] = [
  [ResponseType.MISSING_AUTHENTICATION_TOKEN, 'not_found'],
  [ResponseType.THROTTLED, 'rate_limit_exceeded', { 'Retry-After': "'1'" }],
  [ResponseType.REQUEST_TOO_LARGE, 'payload_too_large'],
  [ResponseType.UNSUPPORTED_MEDIA_TYPE, 'unsupported_media_type'],
  [ResponseType.BAD_REQUEST_BODY, 'invalid_request'],
  [ResponseType.BAD_REQUEST_PARAMETERS, 'invalid_request'],
  [ResponseType.INTEGRATION_FAILURE, 'unavailable', { 'Retry-After': "'1'" }],
  [ResponseType.INTEGRATION_TIMEOUT, 'unavailable', { 'Retry-After': "'1'" }],
  [ResponseType.DEFAULT_5XX, 'internal'],
];

export function addGatewayAnswers(api: RestApi): void {
  for (const [type, code, responseHeaders] of codes) {
    const { status, body } = presentError(new AppError(code), '$context.requestId');
    api.addGatewayResponse(`Answer-${type.responseType}`, {
      type,
      statusCode: String(status),
      templates: { 'application/json': JSON.stringify(body) },
      ...(responseHeaders === undefined ? {} : { responseHeaders }),
    });
  }
}
