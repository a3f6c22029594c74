/** The API of a Pilotlight deployment, typed from its OpenAPI document. */
import type { Client as FetchClient } from 'openapi-fetch';
import createFetchClient from 'openapi-fetch';
import { idempotent, keyed } from './calls.ts';
import type { RepeatOptions, Treatment } from './repeating.ts';
import { defaultRepeats, repeat } from './repeating.ts';
import type { paths } from './schema.ts';

/** One method for each of HTTP's: `client.GET('/v1/jobs/{id}', { params: { path: { id } } })`. */
export type Client = FetchClient<paths>;

export interface ClientOptions extends Partial<RepeatOptions> {
  /** Of the deployment; may hold a path, such as the stage of an API Gateway. */
  readonly url: string;
  /** `plk_…` */
  readonly key: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Calls resolve to `{ data, error, response }`: `data` for an answer, `error` for a refusal. Reads, and what has no second
 * effect, are sent again when the network or the service fails; a submission always carries an `Idempotency-Key`, so
 * it is among them.
 *
 * Calls reject where there was no answer: with a `TimeoutError` after `timeoutMs` (30 s; a call that asks the API to wait gets
 * that much more), with the reason of their own `signal`, or with the `TypeError` of `fetch`.
 */
export function createClient({ url, key, headers, ...given }: ClientOptions): Client {
  const options: RepeatOptions = { ...defaultRepeats, ...given };
  const treatments = new WeakMap<Request, Treatment>();
  const client = createFetchClient<paths>({
    baseUrl: url,
    headers: { accept: 'application/json', ...headers, authorization: `Bearer ${key}` },
    fetch: (request) => repeat(options, request, treatments.get(request) ?? once),
  });
  client.use({
    onRequest({ request, schemaPath, params }) {
      const call = `${request.method} ${schemaPath}`;
      if (keyed.has(call) && !request.headers.has('idempotency-key')) {
        request.headers.set('idempotency-key', crypto.randomUUID());
      }
      treatments.set(request, {
        isRepeatable: request.method === 'GET' || keyed.has(call) || idempotent.has(call),
        waitMs: Number(params.query?.wait ?? 0) * 1_000,
      });
      return request;
    },
  });
  return client;
}

const once: Treatment = { isRepeatable: false, waitMs: 0 };
