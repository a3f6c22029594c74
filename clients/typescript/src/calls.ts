/** Generated from the table of routes: `npm run client`. */

/** Calls that take an Idempotency-Key: sent again with the same one, they are answered as before. */
export const keyed: ReadonlySet<string> = new Set([
  'POST /v1/jobs',
  'POST /v1/models/{id}/warmup',
  'POST /v1/chat/completions',
  'POST /v1/completions',
  'POST /v1/images/generations',
  'POST /v1/batches',
]);

/** Calls of which a second one has no effect of its own. */
export const idempotent: ReadonlySet<string> = new Set([
  'POST /v1/jobs/{id}/cancel',
  'POST /v1/jobs/{id}/retry',
  'POST /v1/batches/{id}/cancel',
  'DELETE /admin/v1/tenants/{id}',
  'POST /admin/v1/tenants/{id}/suspend',
  'POST /admin/v1/tenants/{id}/resume',
  'DELETE /admin/v1/tenants/{id}/keys/{key}',
  'DELETE /v1/keys/{id}',
  'POST /admin/v1/pools/{pool}/pause',
  'POST /admin/v1/pools/{pool}/resume',
  'POST /admin/v1/costs/close',
]);
