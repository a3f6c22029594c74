import type { AppError } from '#core/errors.ts';

/** A refusal whose answer needs headers of its own, such as `Allow`. */
export class HeadedError extends Error {
  readonly error: AppError;
  readonly headers: Readonly<Record<string, string>>;

  constructor(error: AppError, headers: Readonly<Record<string, string>>) {
    super(error.message, { cause: error });
    this.name = 'HeadedError';
    this.error = error;
    this.headers = headers;
  }
}
