/**
 * What a deployment costs in a month in which nobody asks, from its templates and a table of list prices: us-east-1, as of
 * `pricesOf` in `instance-types.ts`, by the services' own price pages. Other regions cost more. What goes by use is left out,
 * and so is what is stored: it goes by GB, and nobody knows them here (S3 $0.023, tables $0.25 and $0.20 for their backup, logs $0.03).
 */
import type { Config } from './config.ts';
import { instanceTypes } from './instance-types.ts';
import { diskMibPerSecond, instancesFor } from './pool-size.ts';
import type { Resource } from './resources-of.ts';

export interface CostLine {
  readonly what: string;
  readonly count: number;
  readonly usdMicrosPerMonth: number;
}

type TemplateResource = Pick<Resource, 'type' | 'properties'>;

const hoursPerMonth = 730;
const dollar = 1_000_000;

/** gp3, a GB and month; the 3,000 operations and 125 MB a second of every disk are in it. */
const diskUsdMicrosPerGb = 80_000;
const diskMibPerSecondFree = 125;
/** A MB/s beyond those, and month. */
const diskUsdMicrosPerMib = 40_000;
/** For each metric that an alarm looks at. */
const alarmUsdMicros = 100_000;
/** Of an account, not of a deployment; a second one finds them used. */
const alarmMetricsFree = 10;
/** The same, of dashboards of 50 metrics at most: idle, none has any. */
const dashboardsFree = 3;
const dashboardUsdMicros = 3 * dollar;

/** By type. A type that is not here has no price that anybody looked up: {@link idleCost} names it. */
const perMonth: Readonly<Record<string, (properties: TemplateResource['properties']) => number>> = {
  'AWS::KMS::Key': () => dollar,
  'AWS::WAFv2::WebACL': ({ Rules }) => (5 + Rules.length) * dollar,
};

/** Cost by use, by what they hold or by running instances, which are lines of their own; or they cost nothing at all. */
const withoutPrice: readonly RegExp[] = [
  /^AWS::ApiGateway::/,
  /^AWS::(IAM|Lambda|Logs|SNS|SQS|SSM)::/,
  /^AWS::(DynamoDB::Table|S3::Bucket|S3::BucketPolicy|KMS::Alias|Route53::RecordSet|Budgets::Budget)$/,
  /^AWS::WAFv2::WebACLAssociation$/,
  // Traces cost by use: the first 100,000 a month nothing.
  /^AWS::XRay::SamplingRule$/,
  /^AWS::CloudWatch::(Alarm|Dashboard)$/,
  /^AWS::CDK::Metadata$/,
  /^Custom::/,
  /^AWS::(ECS|AutoScaling|Events|Scheduler)::/,
  /^AWS::EC2::(VPC|Subnet|Route|RouteTable|SubnetRouteTableAssociation|InternetGateway|VPCGatewayAttachment|EgressOnlyInternetGateway|SecurityGroup|LaunchTemplate|VPCCidrBlock)$/,
];

export interface IdleCost {
  readonly lines: readonly CostLine[];
  readonly usdMicrosPerMonth: number;
  /** Types without a row in this file. */
  readonly unknown: readonly string[];
}

export function idleCost(resources: readonly TemplateResource[], pools: Config['pools']): IdleCost {
  const lines = [
    ...resourceLines(resources),
    ...alarmLines(resources),
    ...dashboardLines(resources),
    ...poolLines(pools),
  ];
  const types = [...new Set(resources.map(({ type }) => type))];
  return {
    lines,
    usdMicrosPerMonth: lines.reduce((sum, line) => sum + line.usdMicrosPerMonth, 0),
    unknown: types.filter((type) => !isKnown(type)).toSorted(),
  };
}

function isKnown(type: string): boolean {
  return (
    Object.hasOwn(perMonth, type) || isGatewayEndpoint(type) || withoutPrice.some((form) => form.test(type))
  );
}

/** Those for S3 and DynamoDB cost nothing; that there are no others is an invariant of the templates. */
function isGatewayEndpoint(type: string): boolean {
  return type === 'AWS::EC2::VPCEndpoint';
}

function resourceLines(resources: readonly TemplateResource[]): CostLine[] {
  return Object.entries(perMonth).flatMap(([type, price]) => {
    const those = resources.filter((each) => each.type === type);
    const usdMicrosPerMonth = those.reduce((sum, { properties }) => sum + price(properties), 0);
    return those.length === 0 ? [] : [{ what: type, count: those.length, usdMicrosPerMonth }];
  });
}

function alarmLines(resources: readonly TemplateResource[]): CostLine[] {
  const alarms = resources.filter(({ type }) => type === 'AWS::CloudWatch::Alarm');
  const metrics = alarms.reduce((sum, { properties }) => sum + metricsOf(properties), 0);
  const count = Math.max(0, metrics - alarmMetricsFree);
  const what = `metrics of alarms beyond the ${alarmMetricsFree} that are free`;
  return count === 0 ? [] : [{ what, count, usdMicrosPerMonth: count * alarmUsdMicros }];
}

function dashboardLines(resources: readonly TemplateResource[]): CostLine[] {
  const count = resources.filter(({ type }) => type === 'AWS::CloudWatch::Dashboard').length - dashboardsFree;
  const what = `dashboards beyond the ${dashboardsFree} that are free`;
  return count <= 0 ? [] : [{ what, count, usdMicrosPerMonth: count * dashboardUsdMicros }];
}

/** An alarm on an expression looks at every metric in it. */
function metricsOf({ Metrics = [] }: { readonly Metrics?: readonly object[] }): number {
  return Math.max(1, Metrics.filter((metric) => Object.hasOwn(metric, 'MetricStat')).length);
}

function poolLines(pools: Config['pools']): CostLine[] {
  return Object.entries(pools).flatMap(([pool, own]) => {
    const { instanceType, warmInstances, workersMin } = own;
    const { usdMicrosPerHour } = instanceTypes[instanceType];
    // Workers share the cards of an instance, and its price.
    const instances = instancesFor(workersMin, own);
    const diskUsdMicros = diskUsdMicrosPerMonth(own);
    const kept = instances * (usdMicrosPerHour * hoursPerMonth + diskUsdMicros);
    return [
      {
        what: `${pool}: stopped instances, their disks`,
        count: warmInstances,
        usdMicrosPerMonth: warmInstances * diskUsdMicros,
      },
      { what: `${pool}: instances that stay up`, count: instances, usdMicrosPerMonth: kept },
    ].filter(({ count }) => count > 0);
  });
}

/** All that a warm instance costs while it is stopped; whoever has none may ask what one would. */
export function diskUsdMicrosPerMonth({ diskGb }: { readonly diskGb: number }): number {
  return diskGb * diskUsdMicrosPerGb + (diskMibPerSecond - diskMibPerSecondFree) * diskUsdMicrosPerMib;
}
