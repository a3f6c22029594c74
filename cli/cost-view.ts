/** What a deployment costs, for programs and for people. */
import type { Cost } from '#cdk/cost.ts';
import { table } from './table.ts';

interface Shown {
  readonly isIdleOnly: boolean;
}

/** The answer of `--json`. Money is in micro-USD. */
export function costAnswer({ pricesOf, idle, jobs, instances }: Cost, { isIdleOnly }: Shown) {
  return {
    object: 'cost',
    region: 'us-east-1',
    prices_of: pricesOf,
    idle: {
      usd_micros_per_month: idle.usdMicrosPerMonth,
      lines: idle.lines.map(({ what, count, usdMicrosPerMonth }) => ({
        what,
        count,
        usd_micros_per_month: usdMicrosPerMonth,
      })),
      not_counted: idle.unknown,
    },
    instances: instances.map((each) => ({
      pool: each.pool,
      instance_type: each.instanceType,
      usd_micros_per_hour: each.usdMicrosPerHour,
      warm_usd_micros_per_month: each.warmUsdMicrosPerMonth,
    })),
    ...(isIdleOnly ? {} : { jobs: jobs.map(jobAnswer) }),
  };
}

function jobAnswer({ what, lines, usdMicrosPerMillion, unknown }: Cost['jobs'][number]) {
  return {
    what,
    usd_micros_per_million: usdMicrosPerMillion,
    lines: lines.map((line) => ({
      what: line.what,
      count_per_job: line.count,
      usd_micros_per_million: line.usdMicrosPerMillion,
    })),
    not_counted: unknown,
  };
}

export function costText(cost: Cost, { isIdleOnly }: Shown): string {
  const parts = isIdleOnly ? [idleText(cost)] : [idleText(cost), ...jobTexts(cost), gpuText(cost)];
  return parts.join('\n\n');
}

function idleText({ idle, instances, pricesOf }: Cost): string {
  const { lines, usdMicrosPerMonth, unknown } = idle;
  return [
    ...lines.map(({ what, count, usdMicrosPerMonth: each }) => `${dollars(each)}  ${count} x ${what}`),
    `${dollars(usdMicrosPerMonth)}  a month idle, at list prices of us-east-1 of ${pricesOf.instances};`,
    '          stored GB on top: S3 $0.023, images $0.10, tables $0.45 with their backup, logs $0.03',
    ...instances.map(
      ({ pool, warmUsdMicrosPerMonth }) =>
        `${dollars(warmUsdMicrosPerMonth)}  a month for each warm instance of ${pool}, stopped`,
    ),
    ...notCounted(unknown),
  ].join('\n');
}

/** A column for each way that a job may go, a row for each thing that is billed, the dearest first. */
function jobTexts({ jobs, pricesOf }: Cost): string[] {
  const names = [...new Set(jobs.flatMap(({ lines }) => lines.map(({ what }) => what)))];
  const cell = (job: Cost['jobs'][number], name: string) =>
    dollars(job.lines.find(({ what }) => what === name)?.usdMicrosPerMillion ?? 0);
  const rows = names.map((name) => [...jobs.map((job) => cell(job, name)), name]);
  const total = [...jobs.map(({ usdMicrosPerMillion }) => dollars(usdMicrosPerMillion)), 'a million jobs'];
  const legend = jobs.map(({ what }, index) => `(${index + 1}) ${what}`).join('\n');
  const heads = jobs.map((_, index) => `(${index + 1})`.padStart(dollarsWidth));
  const unknown = [...new Set(jobs.flatMap((job) => job.unknown))];
  return [
    `A million jobs without their GPU time, at list prices of us-east-1 of ${pricesOf.requests}:\n${legend}`,
    [table([...heads, 'OF'], [...rows, total]), ...notCounted(unknown)].join('\n'),
  ];
}

function gpuText({ instances }: Cost): string {
  const rows = instances.map(
    ({ pool, instanceType, usdMicrosPerHour }) =>
      `${dollars(usdMicrosPerHour)}  an hour of ${instanceType} on demand: ${pool}`,
  );
  return ['GPU time, on top of both:', ...rows].join('\n');
}

function notCounted(unknown: readonly string[]): string[] {
  return unknown.map((name) => `          not counted: ${name}`);
}

const dollarsWidth = 9;

function dollars(usdMicros: number): string {
  return `$${(usdMicros / 1_000_000).toFixed(2)}`.padStart(dollarsWidth);
}
