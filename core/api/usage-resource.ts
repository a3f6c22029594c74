/** Usage as it travels: question, JSON and CSV. */
import * as z from 'zod';
import type { UsageGrouping, UsageReport, UsageSums } from '../billing/usage.ts';
import { operatorGroupings, usageGroupings } from '../billing/usage.ts';

const countSchema = z.int().nonnegative();

const sumFields = {
  jobs: countSchema,
  images: countSchema,
  weighted_images: z.number().nonnegative().meta({ description: 'By resolution: 512 x 512 is one' }),
  input_tokens: countSchema,
  output_tokens: countSchema,
  gpu_ms: countSchema,
  storage_byte_hours: countSchema.meta({
    description:
      'Bytes x hours that results took in this time, jobs of earlier days included; adds up however a span is split',
  }),
  cost_usd_micros: z
    .int()
    .meta({ description: 'What is to be paid: charges less refunds, shares, and warm-ups' }),
  shared_usd_micros: countSchema.meta({
    description: "Of that, shares of a closed month's cold starts and idle time; on its last day",
  }),
  warmup_usd_micros: countSchema.meta({ description: 'Of the cost, warm-ups' }),
};

export const usageSchema = z
  .strictObject({
    object: z.literal('list'),
    data: z.array(
      z.strictObject({
        group: z.strictObject({
          tenant: z.string().optional().meta({ description: 'For the operator' }),
          day: z.iso.date().optional(),
          model: z.string().nullable().optional().meta({ description: 'null: shares' }),
          key: z.string().nullable().optional().meta({ description: 'null: shares' }),
          tag: z
            .string()
            .nullable()
            .optional()
            .meta({ description: 'null: jobs without a tag, warm-ups, and shares' }),
        }),
        ...sumFields,
      }),
    ),
    total: z.strictObject(sumFields),
  })
  .meta({ id: 'Usage' });

export type UsageResource = z.infer<typeof usageSchema>;

const instantSchema = z.union(
  [z.iso.date(), z.iso.datetime()],
  'must be a day such as 2030-03-17 or a time such as 2030-03-17T08:00:00Z',
);

function groupBySchema(groupings: readonly UsageGrouping[], otherwise: UsageGrouping) {
  const grouping = `(${groupings.join('|')})`;
  return z
    .string()
    .regex(new RegExp(`^${grouping}(,${grouping})*$`), `must be some of ${groupings.join(',')}`)
    .default(otherwise)
    .meta({ description: `Some of ${groupings.join(', ')}, with commas between` });
}

export const usageQuerySchema = z.strictObject({
  from: instantSchema
    .optional()
    .meta({ description: 'First day (UTC) or time; else the first of the month that `to` is in' }),
  to: instantSchema
    .optional()
    .meta({ description: 'Last day (UTC, whole) or the time it ends before; else today' }),
  group_by: groupBySchema(usageGroupings, 'day'),
  format: z.enum(['json', 'csv']).default('json'),
});

export const operatorUsageQuerySchema = usageQuerySchema.extend({
  group_by: groupBySchema(operatorGroupings, 'tenant'),
});

/** `from` and `to` as the time from the one up to the other; a last day counts whole. */
export function usageSpan(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  nowMs: number,
): { fromMs: number; toMs: number } {
  const dayMs = 24 * 60 * 60 * 1000;
  const until = to ?? new Date(nowMs).toISOString().slice(0, 10);
  const toMs = Date.parse(until) + (isDay(until) ? dayMs : 0);
  if (from !== undefined) return { fromMs: Date.parse(from), toMs };
  const last = new Date(toMs - 1);
  return { fromMs: Date.UTC(last.getUTCFullYear(), last.getUTCMonth(), 1), toMs };
}

export function usageGroupBy(text: string): UsageGrouping[] {
  const asked = new Set(text.split(','));
  return operatorGroupings.filter((each) => asked.has(each));
}

export function presentUsage({ rows, total }: UsageReport): UsageResource {
  return {
    object: 'list',
    data: rows.map(({ group, ...sums }) => ({
      group: group as UsageResource['data'][number]['group'],
      ...presentSums(sums),
    })),
    total: presentSums(total),
  };
}

/** RFC 4180 with a header; the columns of the groups come first, and there is no line for the total. */
export function usageCsv({ data }: UsageResource, groupBy: readonly UsageGrouping[]): string {
  const sums = Object.keys(sumFields) as (keyof typeof sumFields)[];
  const lines = data.map((row) => [
    ...groupBy.map((column) => csvText(row.group[column] ?? '')),
    ...sums.map((column) => String(row[column])),
  ]);
  return [[...groupBy, ...sums], ...lines].map((line) => `${line.join(',')}\r\n`).join('');
}

function presentSums(sums: UsageSums): UsageResource['total'] {
  return {
    jobs: sums.jobs,
    images: sums.images,
    weighted_images: sums.weightedImages,
    input_tokens: sums.inputTokens,
    output_tokens: sums.outputTokens,
    gpu_ms: sums.gpuMs,
    storage_byte_hours: sums.storageByteHours,
    cost_usd_micros: sums.usdMicros,
    shared_usd_micros: sums.sharedUsdMicros,
    warmup_usd_micros: sums.warmupUsdMicros,
  };
}

/** A tag is whatever a client sent: a spreadsheet must not take it for a formula (OWASP, CSV injection). */
function csvText(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function isDay(text: string): boolean {
  return !text.includes('T');
}
