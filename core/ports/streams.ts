import type { TextPiece, TextPosition } from '../stream/text-piece.ts';

/**
 * What a streamed job has said and shown so far, piece by piece. Pieces are kept apart by attempt and sorted by it, so what a worker
 * says late, of an attempt that another one has taken over, stands before all that the later attempt says.
 */
export interface JobEvents {
  /**
   * Stores the piece unless one stands at its place in what its attempt tells already. Kept for `streamLimits.keptMs`
   * at least.
   */
  append(tenantId: string, jobId: string, piece: TextPiece): Promise<'appended' | 'exists'>;
  /** At and after the position, later attempts too, in order, `limit` at most; sees every earlier write. */
  read(tenantId: string, jobId: string, from: TextPosition, limit: number): Promise<TextPiece[]>;
}

/** Streams and waiting calls that a tenant has open: each holds a place until it is closed, or until the time that it gave. */
export interface Streams {
  /** `full`: the tenant has `max` open. A place whose time is over by `nowMs` counts no more. */
  open(tenantId: string, streamId: string, how: StreamPlace): Promise<'opened' | 'full'>;
  /** No effect when it has none. */
  close(tenantId: string, streamId: string): Promise<void>;
}

export interface StreamPlace {
  readonly max: number;
  readonly nowMs: number;
  readonly untilMs: number;
}
