import type { AdmissionAsk, GateView, Refusal } from '../admission/gate.ts';
import type { CounterCorrection } from '../admission/reservation.ts';
import type { LastingTotal, Stored } from '../admission/stored-bytes.ts';
import type { Page } from './page.ts';

export interface Gates {
  /**
   * Takes everything the ask names or nothing, in one conditional write (tenancy.md 2).
   * `duplicate`: a reservation of this name is open already under another token. The same token is a retry that sees
   * its own write: `admitted`. Under a token that was released within the last minutes nothing is taken: that is a late
   * copy of the write that took it, and `duplicate`, since others have finished what it began.
   */
  admit(tenantId: string, ask: AdmissionAsk): Promise<AdmitOutcome>;
  /**
   * Removes the reservation if it still carries this token, corrects the counters it was taken from and counts what the
   * job stored. The same write leaves a trace, so that no copy of the write that made the reservation brings it back
   * (`admission/traces.ts`).
   */
  release(tenantId: string, jobId: string, trueUp: Release): Promise<'released' | 'gone'>;
  /**
   * Takes a place among the tenant's running jobs for this attempt of a job that holds a reservation. A job has
   * one place at most: one that it holds under an earlier attempt becomes this one's, whatever `max` says.
   */
  start(tenantId: string, jobId: string, attempt: number, max: number): Promise<StartOutcome>;
  /** Frees the job's place if it is this attempt's; {@link release} frees it whoever's it is. */
  stop(tenantId: string, jobId: string, attempt: number): Promise<void>;
  /**
   * Puts a note among the reservations, whatever the limits and the status: for what must be done once and has no job
   * of its own. {@link release} removes it, its text being the token. It takes the place of one open job while it stands.
   * `finished`: a note of this name and text stood and was released within the last minutes: this is a late copy of the
   * write that put it there, and whoever found the note has done what it says.
   */
  note(
    tenantId: string,
    name: string,
    text: string,
  ): Promise<'noted' | 'standing' | 'finished' | 'no_tenant'>;
  /** Makes this what the tenant keeps without an end; no effect when a total as late is there, or no gate. */
  keep(tenantId: string, total: LastingTotal): Promise<void>;
  /** Moves the tenant's finish tag of a line to `to`; no effect when it is past `upTo`. */
  lift(tenantId: string, line: string, upTo: number, to: number): Promise<void>;
  read(tenantId: string): Promise<GateView | null>;
  /** Tenants whose gate may hold reservations. A gate found empty is forgotten by {@link rest}. */
  listOpen(cursor?: string): Promise<Page<string>>;
  /** Forgets a gate without reservations and clears its windows and traces long past; no effect when one is open. */
  rest(tenantId: string, nowMs: number): Promise<void>;
}

export type AdmitOutcome =
  | { readonly kind: 'admitted'; readonly finishTag: number; readonly gate: GateView }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly gate: GateView }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'no_tenant' };

export type StartOutcome =
  | { readonly kind: 'started' }
  /** `holders`: the jobs that have a place. */
  | { readonly kind: 'full'; readonly holders: readonly string[] }
  /** The job holds no reservation, or its place is a later attempt's. */
  | { readonly kind: 'gone' };

export interface Release {
  /** The reservation's token, so that a later reservation of the same name is left alone. */
  readonly token: string;
  /** Each counter at most once. A counter that is gone is not made again: it ends at nothing. */
  readonly corrections: readonly CounterCorrection[];
  /**
   * The job's place among the running ones goes too, if it has one.
   * @default false
   */
  readonly endsRunning?: boolean;
  /**
   * Bytes that the job's results take until their bucket ends.
   * @default null
   */
  readonly stored?: Stored | null;
  /** Correction of the line's finish tag, actual minus predicted; null when there is nothing to correct. */
  readonly finishTag: { readonly line: string; readonly delta: number } | null;
}
