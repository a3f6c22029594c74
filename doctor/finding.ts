/** What the doctor looks at, in order. */
export const checks = ['account', 'clock', 'bootstrap', 'quota', 'ami', 'zones', 'image', 'weights'] as const;

/**
 * - `ok`: as it must be.
 * - `wrong`: a deployment, or a worker of it, would fail.
 * - `unknown`: AWS did not say; `todo` says why.
 * - `later`: cannot be looked at before the first deployment.
 */
export interface Finding {
  readonly check: (typeof checks)[number];
  /** What of it: a pool, a model, a quota. */
  readonly subject: string;
  readonly status: 'ok' | 'wrong' | 'unknown' | 'later';
  readonly found: string;
  /** What a person should do; null where there is nothing. */
  readonly todo: string | null;
}

type Said = Pick<Finding, 'check' | 'subject' | 'found'>;

export const ok = (said: Said): Finding => ({ ...said, status: 'ok', todo: null });
export const wrong = (said: Said, todo: string): Finding => ({ ...said, status: 'wrong', todo });
export const later = (said: Said, todo: string): Finding => ({ ...said, status: 'later', todo });
export const unknown = (said: Said, todo: string): Finding => ({ ...said, status: 'unknown', todo });
