/** What working at batches needs from the world. */
import type { Batches, Files } from '../ports/batches.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Drops } from '../ports/drops.ts';
import type { Plans, Tenants } from '../ports/tenancy.ts';
import type { CancelPorts } from './cancel.ts';
import type { SubmitPorts } from './submission.ts';

export interface BatchPorts extends SubmitPorts, CancelPorts {
  readonly batches: Batches;
  readonly blobs: Pick<Blobs, 'get' | 'put' | 'read' | 'write'>;
  readonly drops: Pick<Drops, 'write'>;
  readonly files: Pick<Files, 'create' | 'get'>;
  readonly plans: Pick<Plans, 'get'>;
  readonly tenants: Pick<Tenants, 'get'>;
}
