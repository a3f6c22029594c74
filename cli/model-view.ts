/** Models as a person reads them. */
import type { Model, Warmup } from '#client/schema.ts';
import { formatGb, formatTime, formatUsd } from './format.ts';
import { fields, table } from './table.ts';

type Fields = Readonly<Record<string, unknown>>;

export function modelTable(models: readonly Model[]): string {
  const rows = models.map((model) => [
    model.id,
    model.task,
    model.state,
    priceText(model),
    String(model.batch_max),
  ]);
  return table(['ID', 'TASK', 'STATE', 'PRICE', 'BATCH'], rows);
}

export function modelDetails(model: Model): string {
  const head = fields([
    ['id', model.id],
    ['title', model.title],
    ['about', model.description],
    ['task', model.task],
    ['revision', model.revision],
    ['license', `${model.license.spdx}${model.license.notes === '' ? '' : ` (${model.license.notes})`}`],
    ['state', model.state],
    ['price', priceText(model)],
    ['memory', memoryText(model)],
    ['variant', model.variant === null ? null : `${model.variant.quant} of ${model.variant.of}`],
    ['prompt', promptText(model)],
    ['batch', `up to ${model.batch_max} jobs in one call`],
  ]);
  return `${head}\n\nInput:\n${inputTable(model.input_schema)}`;
}

export function warmupDetails(warmup: Warmup): string {
  const { ready_at: ready, ready_at_p90: late } = warmup;
  const latest = late === null || late === ready ? '' : ` (nine of ten by ${formatTime(late)})`;
  return fields([
    ['warm-up', warmup.id],
    ['model', warmup.model],
    ['pool', `${warmup.pool}, ${warmup.state}`],
    ['until', formatTime(warmup.until)],
    ['ready', ready === null ? 'not known' : `${formatTime(ready)}${latest}`],
    ['cost', formatUsd(warmup.cost_usd_micros)],
  ]);
}

/** One row per field of an input schema. */
export function inputTable(schema: Fields): string {
  const required = new Set(asList(schema.required));
  const rows = Object.entries(asObject(schema.properties)).map(([name, value]) => {
    const field = asObject(value);
    return [
      name,
      typeText(field),
      rangeText(field),
      required.has(name) ? 'required' : defaultText(field),
      typeof field.description === 'string' ? field.description : '',
    ];
  });
  return table(['NAME', 'TYPE', 'RANGE', 'DEFAULT', 'ABOUT'], rows);
}

function memoryText({ memory }: Model): string {
  const weights = formatGb(memory.weights_mb);
  if (memory.per_answer_mb !== undefined)
    return `${weights}, and for each answer ${formatGb(memory.per_answer_mb)}`;
  const rows = memory.per_image.map(
    ({ pixels, call_mb: callMb, mb }) =>
      `${formatGb(mb)} at ${Math.round(Math.sqrt(pixels))} px${callMb === undefined ? '' : ` (${formatGb(callMb)} once a call)`}`,
  );
  return `${weights}, and for each image ${rows.join(', ')}`;
}

function promptText({ prompt: { format, tokens_max, tokens_kind } }: Model): string | null {
  const bound = tokens_max === null ? null : `up to ${tokens_max} tokens (${tokens_kind})`;
  const form = format === 'newbie_xml' ? 'text or NewBie XML' : null;
  return [form, bound].filter((part) => part !== null).join(', ') || null;
}

function priceText({ price }: Model): string {
  return `${formatUsd(price.usd_micros_per_gpu_hour)} per GPU hour`;
}

function typeText({ type, const: only, enum: choices }: Fields): string {
  if (Array.isArray(type)) return type.join(' or ');
  if (typeof type === 'string') return type;
  const example = only ?? asList(choices)[0];
  return example === undefined ? 'any' : typeof example;
}

function rangeText(field: Fields): string {
  if (field.const !== undefined) return JSON.stringify(field.const);
  if (field.enum !== undefined) return asList(field.enum).map(plain).join(', ');
  const unit = field.maxLength === undefined ? '' : ' characters';
  const low = field.minimum ?? field.minLength;
  const high = field.maximum ?? field.maxLength;
  const step = field.multipleOf === undefined ? '' : `, in steps of ${plain(field.multipleOf)}`;
  if (low !== undefined && high !== undefined) return `${plain(low)} to ${plain(high)}${unit}${step}`;
  if (high !== undefined) return `up to ${plain(high)}${unit}${step}`;
  return low === undefined ? '' : `${plain(low)} or more${step}`;
}

function defaultText(field: Fields): string {
  return field.default === undefined ? '' : plain(field.default);
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function asObject(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
