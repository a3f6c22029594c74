/** The form of error answers, by where they are given: one for everything, and one for each dialect that has its own. */
import type { z } from 'zod';
import { falErrorSchema, falStatusOf, presentFalError } from '../dialects/fal/error.ts';
import { presentProblem, problemSchema, problemStatus } from '../dialects/replicate/error.ts';
import type { AppError, RequestErrorCode } from '../errors.ts';
import { requestErrors } from '../errors.ts';
import { errorSchema, presentError } from './error-resource.ts';

/** Every form has a member `error` that is ours. */
export interface ErrorForm {
  readonly schema: z.ZodObject<{ error: (typeof errorSchema)['shape']['error'] }>;
  statusOf(code: RequestErrorCode): number;
  present(
    error: AppError,
    requestId: string,
    traceId?: string,
  ): { readonly status: number; readonly body: object };
}

const native: ErrorForm = {
  schema: errorSchema,
  statusOf: (code) => requestErrors[code].status,
  present: presentError,
};

const forms: readonly (readonly [folder: string, form: ErrorForm])[] = [
  ['/replicate/', { schema: problemSchema, statusOf: problemStatus, present: presentProblem }],
  ['/fal/', { schema: falErrorSchema, statusOf: falStatusOf, present: presentFalError }],
];

/** Of any path, also of one that no route has. */
export function errorFormOf(path: string): ErrorForm {
  return forms.find(([folder]) => path.startsWith(folder))?.[1] ?? native;
}
