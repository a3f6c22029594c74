/** HTTP requests as API Gateway REST proxy events, with the fields that AWS fills in. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';

/** The longest that API Gateway lets a streamed answer take. */
const invocationMs = 15 * 60_000;

export function proxyEvent(request: IncomingMessage, body: Buffer, requestId: string): APIGatewayProxyEvent {
  const { path, query } = targetOf(request.url ?? '/');
  const headers = Object.entries(request.headersDistinct).map(([name, values]): [string, string[]] => [
    name,
    values ?? [],
  ]);
  const method = request.method ?? 'GET';
  const asText = isUtf8(body);
  return {
    httpMethod: method,
    path,
    resource: '/{proxy+}',
    pathParameters: null,
    stageVariables: null,
    // API Gateway says how the client came; what stands in front of this gateway may have said so before.
    headers: { 'x-forwarded-proto': 'http', ...lastOf(headers) },
    multiValueHeaders: Object.fromEntries(headers),
    queryStringParameters: query.length === 0 ? null : lastOf(query),
    multiValueQueryStringParameters: query.length === 0 ? null : Object.fromEntries(query),
    body: body.length === 0 ? null : body.toString(asText ? 'utf8' : 'base64'),
    isBase64Encoded: body.length > 0 && !asText,
    requestContext: requestContext(request, method, path, requestId),
  };
}

/** Split by hand: a URL parser would take `//host/path` for another host, and fold `..` away. */
export function targetOf(target: string): { path: string; query: [string, string[]][] } {
  const local = target.replace(/^https?:\/\/[^/?]*/i, '');
  const mark = local.indexOf('?');
  const path = mark === -1 ? local : local.slice(0, mark);
  const values = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(mark === -1 ? '' : local.slice(mark + 1))) {
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return { path: path === '' ? '/' : path, query: [...values] };
}

/** Of a name given more than once API Gateway shows the last value here. */
function lastOf(entries: readonly [string, string[]][]): Record<string, string> {
  return Object.fromEntries(entries.map(([name, values]) => [name, values.at(-1) ?? '']));
}

function requestContext(
  request: IncomingMessage,
  httpMethod: string,
  path: string,
  requestId: string,
): APIGatewayProxyEvent['requestContext'] {
  return {
    accountId: '000000000000',
    apiId: 'local',
    authorizer: null,
    domainName: request.headers.host ?? 'localhost',
    httpMethod,
    identity: {
      accessKey: null,
      accountId: null,
      apiKey: null,
      apiKeyId: null,
      caller: null,
      clientCert: null,
      cognitoAuthenticationProvider: null,
      cognitoAuthenticationType: null,
      cognitoIdentityId: null,
      cognitoIdentityPoolId: null,
      principalOrgId: null,
      sourceIp: request.socket.remoteAddress ?? '',
      user: null,
      userAgent: request.headers['user-agent'] ?? null,
      userArn: null,
    },
    path,
    protocol: `HTTP/${request.httpVersion}`,
    requestId,
    requestTimeEpoch: Date.now(),
    resourceId: 'local',
    resourcePath: '/{proxy+}',
    stage: 'local',
  };
}

/** One per invocation: the handler keeps what it learns of a request by it. */
export function invocationContext(requestId: string): Context {
  const endsAtMs = performance.now() + invocationMs;
  const unused = () => {
    throw new Error('an async handler answers by its promise');
  };
  return {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'api',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:local:000000000000:function:api',
    logGroupName: 'local',
    logStreamName: 'local',
    memoryLimitInMB: '512',
    getRemainingTimeInMillis: () => endsAtMs - performance.now(),
    done: unused,
    fail: unused,
    succeed: unused,
  };
}
