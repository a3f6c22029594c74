import type { CancelPorts } from '#core/flows/cancel.ts';
import type { SubmitPorts } from '#core/flows/submit.ts';
import type { Blobs, Keys, Tenants } from '#core/ports.ts';

/** What the HTTP edge needs from the world. */
export interface ApiDeps extends SubmitPorts, CancelPorts {
  readonly blobs: Pick<Blobs, 'link'>;
  readonly keys: Pick<Keys, 'get'>;
  readonly tenants: Pick<Tenants, 'get'>;
  /** Secret that the hashes of API keys are made with. */
  readonly keyPepper: string;
  /** Shown by `/health` and the OpenAPI document. */
  readonly version: string;
}
