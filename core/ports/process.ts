export interface Clock {
  nowMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Ids {
  /** `prefix_` + 26 Crockford base32 characters, 130 random bits. */
  next(prefix: 'job' | 'req' | 'worker' | 'batch' | 'whe' | 'file'): string;
  /** Eight base32 characters: tells apart two reservations of the same name. */
  nonce(): string;
}

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Never prompts, payloads, keys or links. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;
