/**
 * The states of a pool.
 * - `cold`: nothing runs or is about to; entered from `idle` by the scaler, left by the first submission.
 * - `waking`: capacity was asked for; left when a worker serves.
 * - `warm`: a worker serves and there is work.
 * - `idle`: a worker serves and there is no work; back to `warm` with the next job, to `cold` after the idle time-out.
 */
export const poolStates = ['cold', 'waking', 'warm', 'idle'] as const;

export type PoolState = (typeof poolStates)[number];
