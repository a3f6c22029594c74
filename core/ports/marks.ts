/** What one request of a tenant leaves for the next ones: small, under a name, and gone after a while. */
export interface Mark {
  readonly tenantId: string;
  /** Letters, digits, `_` and `-`. */
  readonly name: string;
  readonly text: string;
  /** Whole seconds. */
  readonly untilMs: number;
  /** Counts the writes; a write names the one it replaces. */
  readonly version: number;
}

export interface Marks {
  /** Sees every earlier write. Null for one whose time is over. */
  get(tenantId: string, name: string): Promise<Mark | null>;
  /** Stores the mark if the stored one has the version before or, for version 1, if none stands. */
  put(mark: Mark): Promise<'stored' | 'conflict'>;
}
