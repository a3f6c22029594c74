/** The results of a job as files. Paths are fixed and checked before anything is paid for. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import type { Job } from '#client/schema.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import type { Session } from './session.ts';

export interface SavedOutput {
  /** As given by the user, or relative to the current folder. */
  readonly path: string;
  readonly output: Job['output'][number];
}

export interface SaveOptions {
  /** `-o`; undefined: named after the job. */
  readonly path: string | undefined;
  readonly overwrite: boolean;
}

const extensions: ReadonlyMap<string, string> = new Map([
  ['image/png', '.png'],
  ['image/jpeg', '.jpg'],
  ['image/webp', '.webp'],
  ['text/plain', '.txt'],
  ['application/json', '.json'],
]);

/** `out.png` for one file; `out-0.png`, `out-1.png` for several. */
export function numberedPaths(path: string, count: number): string[] {
  if (count <= 1) return [path];
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  return Array.from({ length: count }, (_, index) => `${stem}-${index}${extension}`);
}

/** Throws a usage error when a file of that name is there already; `count` is how many the job will make. */
export function checkPathsAreFree(cwd: string, { path, overwrite }: SaveOptions, count: number): void {
  if (path === undefined || overwrite) return;
  const taken = numberedPaths(path, count).find((each) => existsSync(resolve(cwd, each)));
  if (taken !== undefined) throw usageError(`${taken} exists already; use --force to overwrite it`);
}

/** Downloads every output, checks its hash, and writes it. */
export async function saveOutputs(session: Session, job: Job, options: SaveOptions): Promise<SavedOutput[]> {
  const [first] = job.output;
  if (first === undefined) return [];
  const path = options.path ?? ownPathOf(job.id, first.content_type);
  const paths = numberedPaths(path, job.output.length);
  checkPathsAreFree(session.cwd, { ...options, path }, job.output.length);
  return Promise.all(
    job.output.map(async (output, index) => {
      const target = paths[index] ?? path;
      const bytes = await downloadOutput(session, job, index);
      checkHash(target, bytes, output.sha256);
      await write(resolve(session.cwd, target), bytes, options.overwrite);
      return { path: target, output };
    }),
  );
}

/** A name in the current folder, whatever the service says of the job. */
export function ownPathOf(jobId: string, contentType: string): string {
  const [type = ''] = contentType.split(';');
  return `${jobId.replaceAll(/[^A-Za-z0-9_-]/g, '_')}${extensions.get(type.trim()) ?? '.bin'}`;
}

async function downloadOutput({ client }: Session, job: Job, index: number): Promise<Uint8Array> {
  const { headers } = await client.call('getJobOutput', { params: { id: job.id, n: String(index) } });
  const location = headers.get('location');
  if (location !== null && URL.canParse(location)) return client.download(location);
  throw new CliError('the API gave no link to the result', {
    exitCode: exitCodes.unreachable,
    code: 'unexpected_answer',
  });
}

function checkHash(path: string, bytes: Uint8Array, sha256: string): void {
  if (createHash('sha256').update(bytes).digest('hex') === sha256) return;
  throw new CliError(`the bytes for ${path} are not those that the job made; nothing was written`, {
    exitCode: exitCodes.unreachable,
    code: 'hash_mismatch',
  });
}

async function write(path: string, bytes: Uint8Array, overwrite: boolean): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes, { flag: overwrite ? 'w' : 'wx' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`cannot write ${path}: ${reason}`, {
      exitCode: exitCodes.usage,
      code: 'cannot_write',
      cause: error,
    });
  }
}
