/** A request to the platform as {@link submit} takes it, what it needs, and everything that it may come to. */
import type { AskedAdapter } from '../adapter/job-adapters.ts';
import type { GateView, Refusal } from '../admission/gate.ts';
import type { Outbound } from '../egress/outbound.ts';
import type { ErrorDetail } from '../errors.ts';
import type { JobClass, JobRecord } from '../job/job.ts';
import type { Catalog } from '../models/manifest.ts';
import type { Adapters } from '../ports/adapters.ts';
import type { Files } from '../ports/batches.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Gates } from '../ports/gates.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { OwnPools, Pools, Scaler } from '../ports/pools.ts';
import type { Clock, Ids, Log } from '../ports/process.ts';
import type { ResultCache } from '../ports/result-cache.ts';
import type { Aliases } from '../ports/tenancy.ts';
import type { Tickets } from '../ports/tickets.ts';
import type { Deliveries, Endpoints } from '../ports/webhooks.ts';
import type { PromptJudgement } from '../prompt/policy.ts';
import type { PromptRefusal } from '../prompt/read-prompt.ts';
import type { Quality } from '../tenancy/alias.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { Outlooks } from './outlooks.ts';

export interface SubmitPorts {
  readonly adapters: Pick<Adapters, 'get'>;
  readonly aliases: Pick<Aliases, 'get'>;
  readonly blobs: Pick<Blobs, 'get' | 'put'>;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly deliveries: Pick<Deliveries, 'put'>;
  readonly endpoints: Pick<Endpoints, 'list'>;
  readonly files: Pick<Files, 'create' | 'get'>;
  readonly gates: Gates;
  readonly ids: Ids;
  readonly jobs: Jobs;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly outbound: Outbound;
  readonly outlooks: Outlooks;
  readonly pools: Pools;
  readonly results: ResultCache;
  /** Absent where tenants have no pools of their own. */
  readonly ownPools?: OwnPools;
  readonly scaler: Scaler;
  readonly tickets: Tickets;
}

export interface SubmitAsk {
  readonly tenant: TenantRecord;
  readonly keyId: string;
  /** A model id or an alias; with a quality, a family. */
  readonly model: string;
  readonly quality: Quality | null;
  /** Model ids that tenant and key may use; null: every one. */
  readonly granted: readonly string[] | null;
  readonly input: unknown;
  /** @default none */
  readonly adapters?: readonly AskedAdapter[];
  /** Null: as the tenant's setting says. */
  readonly class: JobClass | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where to tell of this job; null: where its tenant's endpoints say. */
  readonly webhook: JobRecord['webhook'];
  readonly deadlineSeconds: number | null;
  /**
   * The job must have started by then, whatever its deadline. A request that is sent again may say another instant.
   * @default nothing but the deadline
   */
  readonly startByMs?: number;
  /**
   * How long the job may run; null: no bound.
   * @default null
   */
  readonly runMsMax?: number | null;
  /** Whether the result cache may answer; null: as the tenant's setting says. */
  readonly cache: boolean | null;
  /**
   * What the job says is told while it is made.
   * @default false
   */
  readonly stream?: boolean;
  /**
   * Whether it leaves half of its tenant's rates and open jobs to others, as `withHalfRates` says.
   * @default false
   */
  readonly leavesHalf?: boolean;
  readonly idempotencyKey: string | null;
  /**
   * The job that this one is to do once more.
   * @default none
   */
  readonly retryOf?: string;
  /**
   * The trace that its lines are found by.
   * @default none
   */
  readonly traceparent?: string;
}

export type SubmitOutcome =
  /** `gate`: as admission left it. */
  | { readonly kind: 'accepted'; readonly job: JobRecord; readonly gate: GateView }
  /** The same Idempotency-Key and body came before: the job of that time, as it stands now. */
  | { readonly kind: 'replayed'; readonly job: JobRecord }
  | { readonly kind: 'mismatch' }
  /** The job of this Idempotency-Key has ended, was charged this month, and is past its retention. */
  | { readonly kind: 'key_spent' }
  | { readonly kind: 'in_flight' }
  /** It took so long that the sweep released its reservation: nothing was accepted, and asking again is safe. */
  | { readonly kind: 'too_late' }
  | { readonly kind: 'model_not_found' }
  | { readonly kind: 'model_not_granted' }
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] }
  /** An adapter that is named is missing, not ready or of another model. */
  | { readonly kind: 'invalid_adapter'; readonly details: readonly ErrorDetail[] }
  | PromptRefusal
  | Extract<PromptJudgement, { kind: 'prompt_rejected' }>
  /** `gate`: what refused; null when the tenant has none. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly gate: GateView | null };
