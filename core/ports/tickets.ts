/** The doorbell: a ticket says that a pool has work, and names a job only as a hint. */
export interface Tickets {
  send(ticket: Ticket): Promise<void>;
  /** Waits up to `waitMs` for the first; never more than `max`. Ends early, with nothing, when `signal` aborts. */
  receive(pool: string, max: number, waitMs: number, signal?: AbortSignal): Promise<HeldTicket[]>;
  delete(pool: string, held: readonly HeldTicket[]): Promise<void>;
  /** Hides the tickets for `ms` from now: 0 hands them back, more keeps them held. */
  hide(pool: string, held: readonly HeldTicket[], ms: number): Promise<void>;
  /** Approximate, as SQS counts. */
  depth(pool: string): Promise<{ readonly visible: number; readonly hidden: number }>;
}

export interface Ticket {
  readonly pool: string;
  readonly tenantId: string;
  readonly jobId: string;
}

export interface HeldTicket extends Ticket {
  readonly receipt: string;
  /** Deliveries so far, this one included. */
  readonly deliveries: number;
}
