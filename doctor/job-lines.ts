/**
 * The lines of one job out of a deployment's log groups, by CloudWatch Logs Insights, which reads many groups at once and tells
 * lines in order. It costs what it reads, $0.005 a GB, so it looks back no further than it is asked to.
 *
 * Groups are found by the names of their stacks: CloudFormation names them, and lines of a job are in those of the API, of the
 * control functions and of the pools.
 */
import { dirname, join, resolve } from 'node:path';
import {
  CloudWatchLogsClient,
  DescribeLogGroupsCommand,
  GetQueryResultsCommand,
  type ResultField,
  StartQueryCommand,
  StopQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { readManifests } from '#aws/manifest-files.ts';
import { jobPlaceholder, queries, queryText } from '#cdk/queries.ts';
import { readConfigFile } from '#cdk/read-config-file.ts';
import { clientLimits } from './scene.ts';

export interface JobLinesAsk {
  /** Of the deployment; from `cwd`. */
  readonly configFile: string;
  readonly cwd: string;
  /** A job's id: it becomes part of the query, so it must be one. */
  readonly jobId: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Resolves early when the signal aborts. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Ends the query. */
  readonly interrupted: AbortSignal;
}

export interface JobLine {
  readonly atMs: number;
  /** Where it was written. */
  readonly source: string;
  readonly text: string;
}

export type JobLinesOutcome =
  | { readonly kind: 'found'; readonly lines: readonly JobLine[]; readonly groups: number }
  /** The region has no log group of this deployment's. */
  | { readonly kind: 'not_deployed'; readonly name: string; readonly region: string }
  /** Insights gave up on it, by its own word for that. */
  | { readonly kind: 'not_answered'; readonly status: string };

/** As many as one query takes. */
const groupsMax = 50;
/** As many as one query answers with; the next one goes on where it ended. */
const rowsMax = 10_000;
const pollMs = 500;
const root = dirname(import.meta.dirname);

/** @throws StartError `invalid_config`, with every fault of the config in a line; and what AWS answers, see `advice.ts` */
export async function findJobLines(ask: JobLinesAsk): Promise<JobLinesOutcome> {
  const manifests = await readManifests(join(root, 'gpu-container/models'));
  const { name, region } = await readConfigFile(resolve(ask.cwd, ask.configFile), ask.configFile, manifests);
  const logs = new CloudWatchLogsClient({ region, ...clientLimits });
  try {
    const groups = await groupsOf(logs, name);
    if (groups.length === 0) return { kind: 'not_deployed', name, region };
    const lines: JobLine[] = [];
    for (let at = 0; at < groups.length; at += groupsMax) {
      const outcome = await linesOf(logs, groups.slice(at, at + groupsMax), ask);
      if (typeof outcome === 'string') return { kind: 'not_answered', status: outcome };
      lines.push(...outcome);
    }
    const sorted = lines.toSorted((left, right) => left.atMs - right.atMs);
    return { kind: 'found', lines: sorted, groups: groups.length };
  } finally {
    logs.destroy();
  }
}

async function groupsOf(logs: CloudWatchLogsClient, deployment: string): Promise<string[]> {
  // `pilotlight-fleet-demoLog12AB-34CD`; an emulator names them `/aws/cloudformation/pilotlight-fleet/demoLog12AB`.
  const ofStacks = new RegExp(`(^|/)${deployment}-(api|control|fleet)[-/]`);
  const groups: string[] = [];
  let nextToken: string | undefined;
  do {
    const ask = { logGroupNamePattern: `${deployment}-`, nextToken };
    const page = await logs.send(new DescribeLogGroupsCommand(ask));
    groups.push(...(page.logGroups ?? []).flatMap(({ logGroupName }) => logGroupName ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return groups.filter((group) => ofStacks.test(group));
}

/** Query after query, each from the second in which the one before ended; or the status of one that came to nothing. */
async function linesOf(
  logs: CloudWatchLogsClient,
  logGroupNames: readonly string[],
  ask: JobLinesAsk,
): Promise<JobLine[] | string> {
  const lines = new Map<string, JobLine>();
  for (let fromMs = ask.fromMs; ; ) {
    const rows = await rowsOf(logs, logGroupNames, { ...ask, fromMs });
    if (typeof rows === 'string') return rows;
    const before = lines.size;
    // A row has a pointer of its own, `@ptr`, asked for or not.
    for (const row of rows) lines.set(JSON.stringify(row), lineOf(row));
    const last = rows.at(-1);
    // A second with more lines than that is no job's: it would be asked for without end.
    if (rows.length < rowsMax || last === undefined || lines.size === before) return [...lines.values()];
    fromMs = lineOf(last).atMs;
  }
}

type Row = readonly ResultField[];

async function rowsOf(
  logs: CloudWatchLogsClient,
  logGroupNames: readonly string[],
  { jobId, fromMs, toMs, sleep, interrupted }: JobLinesAsk,
): Promise<readonly Row[] | string> {
  const { queryId } = await logs.send(
    new StartQueryCommand({
      logGroupNames: [...logGroupNames],
      startTime: Math.floor(fromMs / 1_000),
      endTime: Math.ceil(toMs / 1_000),
      queryString: queryText(queries['One job']).replace(jobPlaceholder, jobId),
      limit: rowsMax,
    }),
  );
  for (;;) {
    const { status = 'Unknown', results = [] } = await logs.send(new GetQueryResultsCommand({ queryId }));
    if (status === 'Complete') return results;
    if (status !== 'Running' && status !== 'Scheduled') return status;
    await sleep(pollMs);
    if (interrupted.aborted) {
      await logs.send(new StopQueryCommand({ queryId }));
      return 'Cancelled';
    }
  }
}

function lineOf(row: Row): JobLine {
  return {
    // `2030-01-31 08:15:00.123`, in UTC.
    atMs: Date.parse(`${fieldOf(row, '@timestamp').replace(' ', 'T')}Z`),
    // `111122223333:pilotlight-fleet-demoLog12AB`
    source: fieldOf(row, '@log').replace(/^\d+:/, ''),
    text: fieldOf(row, '@message').trimEnd(),
  };
}

function fieldOf(row: Row, name: string): string {
  return row.find(({ field }) => field === name)?.value ?? '';
}
