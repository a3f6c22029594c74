import { acceptedHeaders } from '../accepted.ts';
import { falHeadersOf, falStatus, falSubmitted } from '../dialects/fal/requests.ts';

import type { RouteHandler } from '../route-handler.ts';

export const falSubmit: RouteHandler<'falSubmit'> = async (deps, call) => {
  const webhook = call.query.fal_webhook ?? null;
  const { 'x-fal-queue-priority': priority } = call.headers;
  const accepted = await falSubmitted(deps, call, { stream: false, priority, webhook });
  return {
    status: 200,
    headers: { ...acceptedHeaders(deps, call, accepted), ...falHeadersOf(accepted.job) },
    body: await falStatus(deps, accepted.job, { apiUrl: call.apiUrl, logs: false }),
  };
};
