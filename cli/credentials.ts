/** Where the API is and which key to show it: flags, else the environment, else `.pilotlight/credentials.json`. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { CliError, exitCodes, usageError } from './cli-error.ts';

const fileSchema = z.object({
  url: z.url(),
  admin_key: z.string().min(1).optional(),
  tenants: z.record(z.string(), z.object({ key: z.string().min(1) })),
});

type CredentialsFile = z.infer<typeof fileSchema>;

export interface CredentialsAsk {
  readonly url: string | undefined;
  readonly key: string | undefined;
  readonly tenant: string | undefined;
  /**
   * `admin`: the operator's key of the file, and `tenant` is none of it.
   * @default 'tenant'
   */
  readonly access?: 'tenant' | 'admin';
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface Credentials {
  readonly url: string;
  readonly key: string;
}

/**
 * Each value is looked up on its own, with one exception: the file's keys go to the file's address only, so that
 * `--url` cannot send them to a stranger.
 */
export function resolveCredentials(ask: CredentialsAsk): Credentials {
  const givenUrl = ask.url ?? nonEmpty(ask.env.PILOTLIGHT_URL);
  // A tenant asked for by name is a wish for the file's key, above what the environment says.
  const isAdmin = ask.access === 'admin';
  const environmentKey =
    isAdmin || ask.tenant === undefined ? nonEmpty(ask.env.PILOTLIGHT_API_KEY) : undefined;
  const givenKey = ask.key ?? environmentKey;
  if (givenUrl !== undefined) checkUrl(givenUrl);
  if (givenUrl !== undefined && givenKey !== undefined) return { url: givenUrl, key: givenKey };

  const file = findFile(ask.cwd);
  if (file === null) throw missing(givenKey === undefined ? 'API key' : 'API address');
  const url = givenUrl ?? file.url;
  if (givenKey !== undefined) return { url, key: givenKey };
  if (new URL(url).origin !== new URL(file.url).origin) {
    throw usageError(`the credentials file has keys for ${file.url}, not for ${url}; pass --key`);
  }
  return { url, key: isAdmin ? adminKey(file) : tenantKey(file, ask.tenant) };
}

function adminKey({ admin_key: key }: CredentialsFile): string {
  if (key !== undefined) return key;
  throw usageError('the credentials file has no admin key; pass --key');
}

function tenantKey(file: CredentialsFile, tenant: string | undefined): string {
  const names = Object.keys(file.tenants);
  const name = tenant ?? (names.length === 1 ? names[0] : 'demo') ?? 'demo';
  const found = Object.hasOwn(file.tenants, name) ? file.tenants[name] : undefined;
  if (found !== undefined) return found.key;
  throw usageError(`the credentials file has no tenant "${name}"; it has: ${names.join(', ') || 'none'}`);
}

function findFile(cwd: string): CredentialsFile | null {
  const folder = findLocalData(cwd);
  return folder === null ? null : readCredentials(join(folder, 'credentials.json'));
}

/** The data of a local stack that was started here or in a folder above; null where none was. */
export function findLocalData(cwd: string): string | null {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const data = join(folder, '.pilotlight');
    if (existsSync(join(data, 'credentials.json'))) return data;
    if (folder === dirname(folder)) return null;
  }
}

function readCredentials(path: string): CredentialsFile {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error).replaceAll('\n', ' ') : String(error);
    throw new CliError(`cannot use ${path}: ${reason}`, {
      exitCode: exitCodes.usage,
      code: 'credentials_broken',
      cause: error,
    });
  }
}

function missing(what: string): CliError {
  return new CliError(
    `no ${what}: pass --url and --key, set PILOTLIGHT_URL and PILOTLIGHT_API_KEY, or run npm start here first`,
    { exitCode: exitCodes.usage, code: 'credentials_missing' },
  );
}

function checkUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw usageError(`"${url}" is not an http or https address`);
  }
}

/** An empty variable is how a shell says that there is none. */
function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
