/**
 * As much of CloudWatch Logs as `jobs logs` asks, over HTTP and in the form of its API reference, for tests: groups in pages, and
 * queries that take a look or two before they are complete.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

export interface WrittenLine {
  readonly atMs: number;
  readonly text: string;
}

export interface LogGroupsUnderTest {
  readonly endpoint: string;
  /** Lines by the name of their group. */
  readonly groups: Map<string, WrittenLine[]>;
  /** What each query asked, in order. */
  readonly asked: Fields[];
  /** Looks before an answer is complete. */
  looks: number;
  /** What a query comes to in place of its answer. */
  status: string | null;
  /** The error that everything is answered with, by its code. */
  refusal: string | null;
  readonly stopped: string[];
  close(): void;
}

type Fields = Readonly<Record<string, unknown>>;

const groupsPerPage = 2;

export async function startLogGroups(): Promise<LogGroupsUnderTest> {
  const queries = new Map<string, { readonly rows: unknown[]; looks: number }>();
  const server = createServer(async (request, response) => {
    const operation = String(request.headers['x-amz-target']).replace('Logs_20140328.', '');
    const fields: Fields = JSON.parse(await text(request));
    const [status, body] =
      logs.refusal === null
        ? [200, answer(operation, fields)]
        : [400, { __type: logs.refusal, message: 'it is refused' }];
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();

  function answer(operation: string, fields: Fields): Fields {
    switch (operation) {
      case 'DescribeLogGroups':
        return groupsPage(logs, fields);
      case 'StartQuery': {
        logs.asked.push(fields);
        const queryId = randomUUID();
        queries.set(queryId, { rows: rowsFor(logs, fields), looks: logs.looks });
        return { queryId };
      }
      case 'GetQueryResults': {
        const query = queries.get(String(fields.queryId));
        if (query === undefined) throw new Error('there is no such query');
        if (logs.status !== null) return { status: logs.status };
        query.looks -= 1;
        // A query that runs tells some of its rows before the others.
        const isOver = query.looks < 0;
        return {
          status: isOver ? 'Complete' : 'Running',
          results: query.rows.slice(0, isOver ? undefined : 1),
        };
      }
      case 'StopQuery':
        logs.stopped.push(String(fields.queryId));
        return { success: true };
      default:
        throw new Error(`nobody asks for ${operation}`);
    }
  }

  const logs: LogGroupsUnderTest = {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    groups: new Map(),
    asked: [],
    looks: 1,
    status: null,
    refusal: null,
    stopped: [],
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return logs;
}

function groupsPage({ groups }: LogGroupsUnderTest, fields: Fields): Fields {
  const pattern = String(fields.logGroupNamePattern).toLowerCase();
  const names = [...groups.keys()].filter((name) => name.toLowerCase().includes(pattern));
  const from = Number(fields.nextToken ?? 0);
  const logGroups = names.slice(from, from + groupsPerPage).map((logGroupName) => ({ logGroupName }));
  const next = from + groupsPerPage;
  return { logGroups, ...(next < names.length ? { nextToken: String(next) } : {}) };
}

/** `filter @message like /.../`, `sort @timestamp asc`, and the limit: times are in seconds, both inclusive. */
function rowsFor({ groups }: LogGroupsUnderTest, { logGroupNames, startTime, endTime, ...rest }: Fields) {
  const [, pattern = ''] = /filter @message like \/(.*)\//.exec(String(rest.queryString)) ?? [];
  const asked = [logGroupNames].flat().map(String);
  if (asked.length > 50) throw new Error('a query takes 50 groups');
  return asked
    .flatMap((name) =>
      (groups.get(name) ?? []).map((line, index) => ({ ...line, name, ptr: `${name} ${index}` })),
    )
    .filter(({ atMs }) => atMs >= Number(startTime) * 1_000 && atMs < (Number(endTime) + 1) * 1_000)
    .filter(({ text: message }) => new RegExp(pattern).test(message))
    .toSorted((left, right) => left.atMs - right.atMs)
    .slice(0, Number(rest.limit))
    .map(({ atMs, text: value, name, ptr }) => [
      { field: '@timestamp', value: new Date(atMs).toISOString().replace('T', ' ').replace('Z', '') },
      { field: '@log', value: `111122223333:${name}` },
      { field: '@message', value: `${value}\n` },
      { field: '@ptr', value: ptr },
    ]);
}
