/** What working at batches needs from the world. */
import type { Batches, Blobs, Files, Plans, Tenants } from '../ports.ts';
import type { CancelPorts } from './cancel.ts';
import type { SubmitPorts } from './submission.ts';

export interface BatchPorts extends SubmitPorts, CancelPorts {
  readonly batches: Batches;
  readonly blobs: Pick<Blobs, 'get' | 'put' | 'read' | 'write'>;
  readonly files: Pick<Files, 'create'>;
  readonly plans: Pick<Plans, 'get'>;
  readonly tenants: Pick<Tenants, 'get'>;
}
