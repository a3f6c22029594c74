import { AppError } from '#core/errors.ts';
import { prometheusContentType } from '#core/observability/prometheus.ts';
import { PlainText } from '../answer.ts';
import type { RouteHandler } from '../route-handler.ts';

/** Where many functions share the work, none has all numbers: they are in CloudWatch. */
export const adminReadMetrics: RouteHandler<'adminReadMetrics'> = async ({ metricsText }) => {
  if (metricsText === undefined) {
    const publicMessage = 'The metrics of this deployment are in CloudWatch.';
    throw new AppError('not_found', { publicMessage });
  }
  return { status: 200, body: new PlainText(metricsText(), prometheusContentType) };
};
