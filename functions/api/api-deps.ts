import type { EgressPolicy } from '#core/egress/policy.ts';
import type { CancelPorts } from '#core/flows/cancel.ts';
import type { ClosePorts } from '#core/flows/close-month.ts';
import type { SubmitPorts } from '#core/flows/submission.ts';
import type { Metrics } from '#core/observability/metrics.ts';
import type { AdapterFiles, Adapters } from '#core/ports/adapters.ts';
import type { Batches, Files } from '#core/ports/batches.ts';
import type { Blobs } from '#core/ports/blobs.ts';
import type { Marks } from '#core/ports/marks.ts';
import type { Pools, Workers } from '#core/ports/pools.ts';
import type { JobEvents, Streams } from '#core/ports/streams.ts';
import type { Aliases, Keys, Plans, Tenants } from '#core/ports/tenancy.ts';
import type { Deliveries, Endpoints } from '#core/ports/webhooks.ts';
import type { TokenReader } from './token-reader.ts';

export interface TenantPorts {
  /** Listens for the tenant alone, now and after every start. `taken`: something else listens there. */
  open(tenantId: string, port: number): Promise<'opened' | 'taken'>;
  close(tenantId: string): Promise<void>;
  /** Null when the tenant has no port of its own. */
  portOf(tenantId: string): number | null;
}

/** What the HTTP edge needs from the world. */
export interface ApiDeps extends SubmitPorts, CancelPorts, ClosePorts {
  readonly batches: Batches;
  readonly blobs: Pick<Blobs, 'get' | 'link' | 'put' | 'remove' | 'uploadLink'>;
  readonly adapters: Adapters;
  readonly adapterFiles: AdapterFiles;
  readonly aliases: Aliases;
  readonly deliveries: Deliveries;
  readonly endpoints: Endpoints;
  readonly files: Files;
  readonly jobEvents: Pick<JobEvents, 'read'>;
  readonly keys: Keys;
  readonly marks: Marks;
  readonly plans: Plans;
  readonly pools: Pools;
  readonly streams: Streams;
  readonly tenants: Tenants;
  readonly workers: Pick<Workers, 'list'>;
  readonly metrics: Metrics;
  /** Every number of the platform as Prometheus reads it, where one process has them all: a laptop. */
  readonly metricsText?: () => string;
  /**
   * Expected from waking a pool to its first worker that serves, until that was seen.
   * @default etaLimits.wakeMs
   */
  readonly wakeMs?: number;
  /** Ports of single tenants, where the platform can listen on more than one: a laptop. */
  readonly tenantPorts?: TenantPorts;
  /** Secret that the hashes of API keys are made with. */
  readonly keyPepper: string;
  /** Secret that the secrets of webhooks are derived from. */
  readonly webhookKey: string;
  /** Where messages may go. */
  readonly webhookAddresses: EgressPolicy;
  /** Reads tokens of an OIDC issuer, where one is configured. */
  readonly tokens?: TokenReader;
  /** Shown by `/health` and the OpenAPI document. */
  readonly version: string;
}
