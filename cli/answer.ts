/** Reads the API's answers: bodies by schema, refusals into errors with an exit code. */
import * as z from 'zod';
import { errorSchema } from '#core/api/error-resource.ts';
import { CliError, exitCodes } from './cli-error.ts';

interface ParsedAnswer {
  readonly body: unknown;
  readonly json: unknown;
}

/** Fields that a newer API has added are left out of `body`; anything else amiss throws. */
export function parseAnswer(schema: z.ZodType, text: string, response: Response): ParsedAnswer {
  const json = parseJson(text);
  if (json === undefined) throw unexpected(response, 'the body is not JSON');
  const first = schema.safeParse(json);
  if (first.success) return { body: first.data, json };

  const trimmed = structuredClone(json);
  for (const issue of first.error.issues) {
    if (issue.code !== 'unrecognized_keys') throw unexpected(response, summaryOf(first.error));
    dropKeys(trimmed, issue.path, issue.keys);
  }
  const second = schema.safeParse(trimmed);
  if (!second.success) throw unexpected(response, summaryOf(second.error));
  return { body: second.data, json };
}

/** The API's error body, but with room for codes and fields of a newer API. */
const refusalSchema = z.object({
  error: z.object({ ...errorSchema.shape.error.shape, code: z.string() }),
});

/**
 * @param answered the body, or its text
 * @param fallback is said when the answer is not the API's own, such as a proxy's
 */
export function refusalOf(response: Response, answered: unknown, fallback: string): CliError {
  const body = typeof answered === 'string' ? parseJson(answered) : answered;
  const { success, data } = refusalSchema.safeParse(body);
  const error = success ? data.error : null;
  const seconds = Number(response.headers.get('retry-after') ?? error?.retry_after_s ?? Number.NaN);
  const later = Number.isFinite(seconds) && seconds > 0 ? ` Try again in ${Math.ceil(seconds)} s.` : '';
  return new CliError(`${error?.message ?? fallback}${later}`, {
    exitCode: isClientFault(response.status) ? exitCodes.refused : exitCodes.unreachable,
    code: error?.code ?? `http_${response.status}`,
    requestId: error?.request_id ?? response.headers.get('x-request-id') ?? undefined,
    details: error?.details,
    body: success ? body : undefined,
  });
}

/** A redirect or a success that the route does not know is no fault of the request. */
function isClientFault(status: number): boolean {
  return status >= 400 && status < 500;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function unexpected(response: Response, reason: string): CliError {
  return new CliError(`${new URL(response.url).origin} does not answer like a Pilotlight API: ${reason}`, {
    exitCode: exitCodes.unreachable,
    code: 'unexpected_answer',
    requestId: response.headers.get('x-request-id') ?? undefined,
  });
}

function summaryOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? 'no reason given' : `${issue.path.join('.') || 'body'}: ${issue.message}`;
}

function dropKeys(root: unknown, path: readonly PropertyKey[], keys: readonly string[]): void {
  let holder: unknown = root;
  for (const step of path) holder = isRecord(holder) ? holder[step] : undefined;
  if (isRecord(holder)) for (const key of keys) delete holder[key];
}

function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null;
}
