/** `JobEvents` in memory. */
import type { JobEvents } from '#core/ports/streams.ts';
import type { TextPiece, TextPosition } from '#core/stream/text-piece.ts';
import { copy } from './copy.ts';
import { insertSorted } from './sorted.ts';

export function createMemoryJobEvents(): JobEvents {
  const jobs = new Map<string, TextPiece[]>();
  const ofJob = (tenantId: string, jobId: string) => {
    const key = `${tenantId}/${jobId}`;
    const pieces = jobs.get(key) ?? [];
    jobs.set(key, pieces);
    return pieces;
  };
  return {
    async append(tenantId, jobId, piece) {
      const pieces = ofJob(tenantId, jobId);
      if (pieces.some((each) => byPosition(each, piece) === 0)) return 'exists';
      insertSorted(pieces, copy(piece), byPosition);
      return 'appended';
    },
    async read(tenantId, jobId, from, limit) {
      const pieces = ofJob(tenantId, jobId).filter((piece) => byPosition(piece, from) >= 0);
      return copy(pieces.slice(0, limit));
    },
  };
}

function byPosition(left: TextPosition, right: TextPosition): number {
  return left.attempt - right.attempt || left.at - right.at;
}
