/**
 * As much of AWS as the doctor asks, over HTTP and in the form of its API references, for tests: what an account has is told by
 * the fields.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

export interface AccountUnderTest {
  account: string;
  /** How far the clock of AWS is ahead. */
  aheadMs: number;
  readonly parameters: Map<string, string>;
  /** The account's own, by code. */
  readonly quotas: Map<string, number>;
  /** What AWS gives to every account. */
  readonly defaultQuotas: Map<string, number>;
  zones: string[];
  /** Zones by instance type. */
  readonly offerings: Map<string, string[]>;
  /** Digests and tags in ECR. */
  readonly images: Set<string>;
  /** Of the deployment's scaler; null before the first deployment. */
  bucket: string | null;
  /** That were deployed. */
  pools: string[];
  /** The image of the task that each service starts, by the service; its pool has the same name. */
  readonly services: Map<string, string>;
  /** By key. */
  readonly objects: Map<string, Uint8Array>;
  /** Operations that these credentials may not use. */
  readonly denied: Set<string>;
}

export interface CloudUnderTest extends AccountUnderTest {
  readonly endpoint: string;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
}

type Fields = Readonly<Record<string, unknown>>;

export async function startCloud(): Promise<CloudUnderTest> {
  const server = createServer(async (request, response) => {
    const { status, type, body } = answer(account, request, await text(request));
    const date = new Date(Date.now() + account.aheadMs).toUTCString();
    const length = String(typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength);
    response.sendDate = false;
    response.writeHead(status, { date, 'content-type': type, 'content-length': length, etag: '"1"' });
    response.end(request.method === 'HEAD' ? undefined : body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const account: CloudUnderTest = {
    endpoint: `http://127.0.0.1:${port}`,
    account: '111122223333',
    aheadMs: 0,
    parameters: new Map(),
    quotas: new Map(),
    defaultQuotas: new Map(),
    zones: [],
    offerings: new Map(),
    images: new Set(),
    bucket: null,
    pools: [],
    services: new Map(),
    objects: new Map(),
    denied: new Set(),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return account;
}

function answer(account: AccountUnderTest, request: IncomingMessage, body: string): Answer {
  const target = String(request.headers['x-amz-target'] ?? '');
  if (target !== '') return ofJson(account, target.split('.').at(-1) ?? '', JSON.parse(body));
  const query = new URLSearchParams(body);
  const action = query.get('Action');
  if (action !== null) return ofQuery(account, action, query);
  const url = new URL(request.url ?? '', 'http://aws');
  return url.pathname.startsWith('/2015-03-31/functions/')
    ? ofLambda(account, url.pathname)
    : ofBucket(account, url.pathname, request.headers.range);
}

/** SSM, Service Quotas, ECR, ECS. */
function ofJson(account: AccountUnderTest, operation: string, fields: Fields): Answer {
  if (account.denied.has(operation)) return fault('AccessDeniedException', 'not authorized');
  switch (operation) {
    case 'GetParameter': {
      const Value = account.parameters.get(String(fields.Name));
      return Value === undefined ? fault('ParameterNotFound', '') : json({ Parameter: { Value } });
    }
    case 'GetServiceQuota':
    case 'GetAWSDefaultServiceQuota': {
      const quotas = operation === 'GetServiceQuota' ? account.quotas : account.defaultQuotas;
      const Value = quotas.get(String(fields.QuotaCode));
      return Value === undefined ? fault('NoSuchResourceException', '') : json({ Quota: { Value } });
    }
    case 'DescribeImages': {
      const [asked = {}] = fields.imageIds as { readonly imageDigest?: string; readonly imageTag?: string }[];
      const isThere = account.images.has(asked.imageDigest ?? asked.imageTag ?? '');
      return isThere ? json({ imageDetails: [asked] }) : fault('ImageNotFoundException', 'no image');
    }
    case 'DescribeServices': {
      const [service] = fields.services as string[];
      const taskDefinition = `${service}:7`;
      const isThere = fields.cluster === 'cluster' && account.services.has(service ?? '');
      return json({ services: isThere ? [{ status: 'ACTIVE', taskDefinition }] : [] });
    }
    case 'DescribeTaskDefinition': {
      const image = account.services.get(String(fields.taskDefinition).replace(/:7$/, ''));
      return json({ taskDefinition: { containerDefinitions: [{ name: 'worker', image }] } });
    }
    default:
      throw new Error(`the doctor asks for ${operation}`);
  }
}

/** STS and EC2. */
function ofQuery(account: AccountUnderTest, action: string, query: URLSearchParams): Answer {
  if (account.denied.has(action)) {
    const error = '<Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error>';
    return { status: 403, type: 'text/xml', body: `<Response><Errors>${error}</Errors></Response>` };
  }
  switch (action) {
    case 'GetCallerIdentity':
      return xml(
        action,
        `<GetCallerIdentityResult><Account>${account.account}</Account><Arn>arn:aws:iam::${account.account}:user/ops</Arn><UserId>u</UserId></GetCallerIdentityResult>`,
      );
    case 'DescribeAvailabilityZones': {
      const zones = account.zones.map((zone) => `<item><zoneName>${zone}</zoneName></item>`);
      return xml(action, `<availabilityZoneInfo>${zones.join('')}</availabilityZoneInfo>`);
    }
    case 'DescribeInstanceTypeOfferings': {
      const type = query.get('Filter.1.Value.1') ?? '';
      const items = (account.offerings.get(type) ?? []).map(
        (zone) => `<item><instanceType>${type}</instanceType><location>${zone}</location></item>`,
      );
      return xml(action, `<instanceTypeOfferingSet>${items.join('')}</instanceTypeOfferingSet>`);
    }
    default:
      throw new Error(`the doctor asks for ${action}`);
  }
}

function ofLambda({ bucket, pools }: AccountUnderTest, path: string): Answer {
  if (bucket === null) return fault('ResourceNotFoundException', `no function ${path}`, 404);
  const named = pools.map((pool) => [pool, { service: pool, groups: { on_demand: pool } }] as const);
  const fleet = { cluster: 'cluster', pools: Object.fromEntries(named) };
  const Variables = { PILOTLIGHT_BUCKET: bucket, PILOTLIGHT_FLEET: JSON.stringify(fleet) };
  return json({ Environment: { Variables } });
}

function ofBucket({ bucket, objects }: AccountUnderTest, path: string, range: string | undefined): Answer {
  const key = path.replace(`/${bucket}/`, '');
  const body = objects.get(key);
  if (body === undefined) return { status: 404, type: 'application/xml', body: '' };
  return { status: range === undefined ? 200 : 206, type: 'application/octet-stream', body };
}

function json(fields: Fields): Answer {
  return { status: 200, type: 'application/x-amz-json-1.1', body: JSON.stringify(fields) };
}

function xml(action: string, inner: string): Answer {
  return { status: 200, type: 'text/xml', body: `<${action}Response>${inner}</${action}Response>` };
}

/** The type by the body for JSON 1.1, by a header for REST; both are told. */
function fault(code: string, message: string, status = 400): Answer {
  return {
    status,
    type: 'application/x-amz-json-1.1',
    body: JSON.stringify({ __type: code, Type: 'User', code, message }),
  };
}
