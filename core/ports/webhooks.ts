import type { DeliveryRecord } from '../webhook/delivery.ts';
import type { EndpointRecord } from '../webhook/endpoint.ts';
import type { Page } from './page.ts';

/** Where tenants want to be told of their jobs. Every read sees every earlier write. */
export interface Endpoints {
  get(tenantId: string, endpointId: string): Promise<EndpointRecord | null>;
  /** Every one of the tenant's; there are `webhookLimits.endpointsMax` or so. */
  list(tenantId: string): Promise<EndpointRecord[]>;
  /** Stores the record if the stored one has the version before, or if there is none and this is version 1. */
  put(endpoint: EndpointRecord): Promise<'stored' | 'conflict'>;
  remove(tenantId: string, endpointId: string): Promise<'removed' | 'missing'>;
}

/**
 * Events on their way, and the log of how they went. A tenant with something on its way has a turn: an instant at which
 * somebody should look, so that looking for work goes tenant by tenant and no backlog of one hides another's.
 */
export interface Deliveries {
  /**
   * Stores the record if the stored one has the version before, or if there is none and this is version 1. Whenever it
   * answers, also by `conflict`, the tenant's turn comes by `nextAtMs` at the latest where that is not null.
   */
  put(delivery: DeliveryRecord): Promise<'stored' | 'conflict'>;
  /** Sees every earlier write. Null past `keptUntilMs`. */
  get(tenantId: string, endpointId: string, deliveryId: string): Promise<DeliveryRecord | null>;
  /** Of one endpoint, newest first; none past `keptUntilMs`. A page may be empty and still have a cursor. */
  list(tenantId: string, endpointId: string, cursor?: string): Promise<Page<DeliveryRecord>>;
  /** Pending ones whose `nextAtMs` has come, earliest first; may lag behind writes. */
  due(tenantId: string, nowMs: number, limit: number): Promise<DeliveryRecord[]>;
  /** Tenants whose turn has come, earliest first; may lag behind writes. */
  turns(nowMs: number, cursor?: string): Promise<Page<string>>;
  /**
   * Moves the tenant's turn to its earliest pending delivery, but no further than `webhookLimits.turnLookMs` from now;
   * forgets it where nothing is pending and nothing was put for `turnKeptMs`. No effect when something is put meanwhile.
   */
  rest(tenantId: string, nowMs: number): Promise<void>;
}
