/** What the commands of tenants, plans and keys read from the command line. */
import { usageError } from './cli-error.ts';
import type { OptionTable, Values } from './command.ts';
import { pairs, wholeNumber } from './command.ts';
import type { Session } from './session.ts';

export const limitOptions = {
  weight: { type: 'string', value: 'N', help: 'Share of GPU time when several tenants wait' },
  'rpm-limit': { type: 'string', value: 'N', help: 'Requests a minute' },
  'gpu-memory': {
    type: 'string',
    value: 'SIZE',
    help: 'GPU memory that its running jobs may take of one card, such as 10G or 512M',
  },
  quant: {
    type: 'string',
    value: 'FORM',
    help: 'bf16, fp8, int8 or int4: weights its jobs run on, where a model has them',
  },
  volume: {
    type: 'string',
    value: 'KIND',
    help: 'standard, or encrypted: its files under a key of the key service',
  },
  isolation: {
    type: 'string',
    value: 'KIND',
    help: 'shared, process (a runner of its own, capped by --gpu-memory) or pool',
  },
  set: {
    type: 'string',
    multiple: true,
    value: 'LIMIT=VALUE',
    help: 'Any limit by its name, such as open_jobs_max=15; repeatable',
  },
} as const satisfies OptionTable;

type LimitValue = number | string | null;

/** Limits by name; `none` is null. The API knows which names there are, and which of them take a word. */
export function limitsOf(values: Values<typeof limitOptions>): Record<string, LimitValue> {
  const named = [
    ['weight', values.weight],
    ['rpm-limit', values['rpm-limit']],
  ] as const;
  const limits: [string, LimitValue][] = Object.entries(pairs('set', values.set)).map(([name, text]) => [
    name,
    /^[a-z]/i.test(text) && text !== 'none' ? text : limitOf(`set ${name}`, text),
  ]);
  if (values['gpu-memory'] !== undefined) limits.push(['gpu_memory_gb', memoryOf(values['gpu-memory'])]);
  for (const name of ['quant', 'volume', 'isolation'] as const) {
    const text = values[name];
    // The API knows the words and names those that there are.
    if (text !== undefined) limits.push([name, text === 'none' ? null : text]);
  }
  for (const [name, text] of named) {
    if (text !== undefined) limits.push([limitNames[name], limitOf(name, text)]);
  }
  return Object.fromEntries(limits);
}

const limitNames = { weight: 'weight', 'rpm-limit': 'requests_per_minute' } as const;

/** Any number: which limits take no fractions is for the API to say. */
function limitOf(name: string, text: string): number | null {
  if (text === 'none') return null;
  if (name.startsWith('set ') && /^\d+\.\d+$/.test(text)) return Number(text);
  return wholeNumber(name, text) ?? null;
}

function memoryOf(text: string): number | null {
  return text === 'none' ? null : memoryGb('gpu-memory', text);
}

const mbByUnit: Readonly<Record<string, number>> = { g: 1000, m: 1 };

/** `10G`, `10GB`, `1.5g` or `512M` as GB: 1 GB is 10^9 bytes. A bare number would leave the unit to be guessed. */
export function memoryGb(name: string, text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)([gm])b?$/i.exec(text) ?? [];
  const mb = Math.round(Number(digits) * (mbByUnit[unit.toLowerCase()] ?? Number.NaN));
  // Rounded to nothing, or more digits than a number holds: neither is what was meant.
  if (!(mb > 0 && Number.isSafeInteger(mb))) {
    throw usageError(`--${name} takes a size with its unit, such as 10G or 512M, not "${text}"`);
  }
  return mb / 1000;
}

/** `all`, `none` or ids with commas between them. */
export function modelsOf(text: string): string[] | null {
  if (text === 'all') return null;
  return text === 'none' ? [] : text.split(',').map((model) => model.trim());
}

/** Lists go on until the last page, so that nothing a person looks for is missing. */
export async function everyPage<T>(
  read: (
    cursor: string | undefined,
  ) => Promise<{ readonly data: readonly T[]; readonly next_cursor: string | null }>,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    all.push(...page.data);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return all;
}

/** One page as the API gave it, or every page as a table. */
export async function printList<T>(
  session: Session,
  read: (cursor: string | undefined) => Promise<{
    readonly body: { readonly data: readonly T[]; readonly next_cursor: string | null };
    readonly json: unknown;
  }>,
  {
    cursor,
    none,
    show,
  }: {
    readonly cursor: string | undefined;
    readonly none: string;
    readonly show: (items: readonly T[]) => string;
  },
): Promise<void> {
  if (session.json) return session.printJson((await read(cursor)).json);
  if (cursor !== undefined) throw usageError('--cursor goes with --json; the table has every page');
  const items = await everyPage(async (next) => (await read(next)).body);
  if (items.length === 0) session.note(none);
  else session.print(show(items));
}

export const cursorOption = {
  cursor: { type: 'string', value: 'CURSOR', help: 'With --json: where the page before ended' },
} as const satisfies OptionTable;
