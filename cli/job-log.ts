/** Where the lines of a job are, and how they are read there: the log of a local stack, or the log groups of a deployment. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { jobIdSchema } from '#core/api/job-resource.ts';
import type { Advice } from '#doctor/advice.ts';
import type { JobLine } from '#doctor/job-lines.ts';
import { CliError, exitCodes, interruptedError, usageError } from './cli-error.ts';
import { findLocalData } from './credentials.ts';
import { configFault, configName } from './deployment-config.ts';
import { readLocalLines } from './local-lines.ts';
import type { Session } from './session.ts';

const logName = 'pilotlight.log';
const awsSinceSeconds = 24 * 60 * 60;

export interface JobLogAsk {
  /** Data of a local stack. */
  readonly data: string | undefined;
  /** Config of a deployment on AWS. */
  readonly config: string | undefined;
  readonly sinceSeconds: number | undefined;
}

/** Lines that name the job, oldest first; says on the side where they are from. Throws {@link CliError} alone. */
export async function readJobLog(
  session: Session,
  jobId: string,
  { data, config, sinceSeconds }: JobLogAsk,
): Promise<readonly JobLine[]> {
  if (!jobIdSchema.safeParse(jobId).success) throw usageError(`"${jobId}" is not the id of a job`);
  if (data !== undefined && config !== undefined) {
    throw usageError('--data is a local stack and --config a deployment on AWS: name one of them');
  }
  const log = config === undefined ? localLog(session.cwd, data) : null;
  return log === null
    ? awsLines(session, jobId, config ?? configName, sinceSeconds ?? awsSinceSeconds)
    : localLines(session, jobId, log, sinceSeconds);
}

/** Null where AWS is to be asked. */
function localLog(cwd: string, data: string | undefined): string | null {
  if (data !== undefined) return join(resolve(cwd, data), logName);
  const folder = findLocalData(cwd);
  if (folder !== null) return join(folder, logName);
  if (existsSync(resolve(cwd, configName))) return null;
  throw usageError(
    'there is no local stack here: run npm start, or name its data by --data, or a deployment by --config',
  );
}

async function localLines(
  session: Session,
  jobId: string,
  path: string,
  sinceSeconds: number | undefined,
): Promise<JobLine[]> {
  const fromMs = sinceSeconds === undefined ? 0 : session.nowMs() - sinceSeconds * 1_000;
  const lines = await readLocalLines(path, { jobId, fromMs }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(`cannot read the log: ${why}`, {
      exitCode: exitCodes.usage,
      code: 'log_missing',
      cause: error,
    });
  });
  session.note(lines.length > 0 ? `From ${path}` : `No line of ${jobId} in ${path}.`);
  return lines;
}

async function awsLines(
  session: Session,
  jobId: string,
  configFile: string,
  sinceSeconds: number,
): Promise<readonly JobLine[]> {
  // AWS's SDK is loaded for those who ask it.
  const [{ findJobLines }, { adviceFor }] = await Promise.all([
    import('#doctor/job-lines.ts'),
    import('#doctor/advice.ts'),
  ]);
  const toMs = session.nowMs();
  const ask = { configFile, cwd: session.cwd, jobId, fromMs: toMs - sinceSeconds * 1_000, toMs };
  const { sleep, interrupted } = session;
  const outcome = await findJobLines({ ...ask, sleep, interrupted }).catch((error: unknown) => {
    throw refused(error, adviceFor(error));
  });
  if (interrupted.aborted) throw interruptedError();
  switch (outcome.kind) {
    case 'found': {
      const { lines, groups } = outcome;
      if (lines.length > 0) session.note(`From ${groups} log groups`);
      else
        session.note(
          `No line of ${jobId} in ${groups} log groups since ${new Date(ask.fromMs).toISOString()}: a line takes some seconds to come; --since looks further back.`,
        );
      return lines;
    }
    case 'not_deployed':
      throw usageError(
        `there is no log group of ${outcome.name} in ${outcome.region}: is it deployed there?`,
      );
    case 'not_answered':
      throw new CliError(`CloudWatch gave up on the query (${outcome.status}); ask for less by --since`, {
        exitCode: exitCodes.unreachable,
        code: 'query_failed',
      });
  }
}

const exits = {
  credentials: exitCodes.usage,
  denied: exitCodes.refused,
  unreachable: exitCodes.unreachable,
} as const;

function refused(error: unknown, { why, found, todo }: Advice): CliError {
  const fault = configFault(error);
  if (fault !== null) return fault;
  return new CliError(`AWS did not answer: ${found}\n${todo}`, {
    exitCode: exits[why],
    code: `aws_${why}`,
    cause: error,
  });
}
