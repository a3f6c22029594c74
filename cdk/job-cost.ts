/**
 * What AWS bills for a million jobs beside their GPU time, from what one job asks for (`job-units.ts`), the machine that its
 * functions get in the templates, and list prices: us-east-1, as of {@link requestPricesOf}, no free allowance taken off.
 * Other regions cost more. AWS lists them below aws.amazon.com (/api-gateway/pricing, /lambda/pricing, /dynamodb/pricing/on-demand,
 * /sqs/pricing with the surcharge of fair queues, /s3/pricing, /cloudwatch/pricing, /waf/pricing, /xray/pricing); they were noted down
 * from what others quote of those pages, and are to be compared with them before anybody relies on a cent.
 */
import { entries } from './entries.ts';
import type { Resource } from './resources-of.ts';

/** When the prices of this file were noted down. */
export const requestPricesOf = '2026-11-22';

/**
 * Not counted, because a laptop cannot: what a function's answer takes on Lambda, on average over a submission, a look and a
 * link. Taken as ten trips to the stores of 4 ms, and 10 ms of what 512 MB have of a processor. Each 10 ms more or less
 * are $0.07 for a million requests.
 */
export const billedMsOfRequest = 50;

/** Not counted either: of a request, the front door's line (`constructs/rest-front-door.ts`) and Lambda's START, END and REPORT. */
export const serviceLogBytesOfRequest = 300 + 350;

/** Micro-USD of one; what is a count here is dollars for a million. */
const each = {
  apiRequest: 3.5,
  functionRequest: 0.2,
  webAclRequest: 0.6,
  trace: 5,
  writeUnit: 0.625,
  readUnit: 0.125,
  // $0.40, and $0.10 for messages of a group: fair queues.
  queueRequest: 0.5,
  put: 5,
  get: 0.4,
  logByte: 500_000 / 1024 ** 3,
} as const;

/** Micro-USD of a GB-second. */
const gbSecond = { arm64: 13.3334, x86_64: 16.6667 } as const;

/** What each count is billed as; null: by its units, which are counts of their own. */
const billing: Readonly<Record<string, { readonly line: string; readonly usdMicros: number } | null>> = {
  'api requests': { line: 'API Gateway: requests', usdMicros: each.apiRequest },
  'dynamodb writes': null,
  'dynamodb write units': { line: 'DynamoDB: writes', usdMicros: each.writeUnit },
  'dynamodb index write units': { line: 'DynamoDB: writes of indexes', usdMicros: each.writeUnit },
  'dynamodb reads': null,
  'dynamodb read units': { line: 'DynamoDB: reads', usdMicros: each.readUnit },
  'sqs requests': { line: 'SQS: requests', usdMicros: each.queueRequest },
  's3 puts': { line: 'S3: puts', usdMicros: each.put },
  's3 gets': { line: 'S3: gets', usdMicros: each.get },
  'api log bytes': { line: 'CloudWatch: log lines of the API', usdMicros: each.logByte },
  'worker log bytes': { line: 'CloudWatch: log lines of workers', usdMicros: each.logByte },
};

/** Of one job, by the names that `npm run bench -- units` gives them. */
export type JobCounts = Readonly<Record<string, number>>;

export interface JobCostLine {
  readonly what: string;
  /** How many of it for one job. */
  readonly count: number;
  readonly usdMicrosPerMillion: number;
}

export interface JobCost {
  /** The dearest first. */
  readonly lines: readonly JobCostLine[];
  readonly usdMicrosPerMillion: number;
  /** Counts that nobody looked up a price for. */
  readonly unknown: readonly string[];
}

type TemplateResource = Pick<Resource, 'type' | 'properties'>;

const million = 1_000_000;

/** @throws where the templates have no function that answers the API */
export function jobCost(counts: JobCounts, resources: readonly TemplateResource[]): JobCost {
  const requests = counts['api requests'] ?? 0;
  const lines = [
    ...countedLines(counts),
    ...functionLines(requests, resources),
    ...extraLines(requests, resources),
  ]
    .filter(({ count }) => count > 0)
    .toSorted((left, right) => right.usdMicrosPerMillion - left.usdMicrosPerMillion);
  return {
    lines,
    usdMicrosPerMillion: lines.reduce((sum, { usdMicrosPerMillion }) => sum + usdMicrosPerMillion, 0),
    unknown: Object.keys(counts).filter((name) => !Object.hasOwn(billing, name)),
  };
}

function countedLines(counts: JobCounts): JobCostLine[] {
  return Object.entries(counts).flatMap(([name, count]) => {
    const billed = billing[name];
    return billed === null || billed === undefined ? [] : [lineOf(billed.line, count, billed.usdMicros)];
  });
}

/** The API's function alone: a job passes no other, unless it has a webhook, pictures to read or a cold pool. */
function functionLines(requests: number, resources: readonly TemplateResource[]): JobCostLine[] {
  const own = resources.find(
    ({ type, properties }) =>
      type === 'AWS::Lambda::Function' && properties.Description === entries.api.description,
  );
  if (own === undefined) throw new Error('no function of the templates answers the API');
  const { MemorySize, Architectures = ['x86_64'] } = own.properties;
  const architecture = Architectures[0] === 'arm64' ? 'arm64' : 'x86_64';
  const gbSeconds = (requests * billedMsOfRequest * MemorySize) / 1000 / 1024;
  return [
    lineOf('Lambda: requests', requests, each.functionRequest),
    lineOf(`Lambda: GB-seconds (${MemorySize} MB, ${architecture})`, gbSeconds, gbSecond[architecture]),
    lineOf('CloudWatch: lines of the services', requests * serviceLogBytesOfRequest, each.logByte),
  ];
}

function extraLines(requests: number, resources: readonly TemplateResource[]): JobCostLine[] {
  const hasWebAcl = resources.some(({ type }) => type === 'AWS::WAFv2::WebACL');
  const rules = resources.filter(({ type }) => type === 'AWS::XRay::SamplingRule');
  const share = rules.reduce((sum, { properties }) => sum + properties.SamplingRule.FixedRate, 0);
  return [
    lineOf('WAF: requests', hasWebAcl ? requests : 0, each.webAclRequest),
    lineOf('X-Ray: traces', requests * share, each.trace),
  ];
}

function lineOf(what: string, count: number, usdMicros: number): JobCostLine {
  return { what, count, usdMicrosPerMillion: Math.round(count * usdMicros * million) };
}
