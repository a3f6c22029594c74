/** Lines of the log, for programs and for people. */
import * as z from 'zod';
import type { JobLine } from '#doctor/job-lines.ts';

const fieldsSchema = z.looseObject({ level: z.string(), event: z.string() });

/** Said before the rest, or nothing but form: the directives of CloudWatch, and the id that was asked for. */
const shownElsewhere: ReadonlySet<string> = new Set(['time', 'level', 'event', '_aws', 'jobId']);

/** The answer of `--json`: `fields` are the line's own, null for one that is no JSON. */
export function jobLinesAnswer(lines: readonly JobLine[]) {
  const data = lines.map(({ atMs, source, text }) => ({
    time: new Date(atMs).toISOString(),
    source,
    fields: fieldsOf(text),
    text,
  }));
  return { object: 'list', data };
}

/** One line: when, how grave, what happened, and what else it says. */
export function jobLineText({ atMs, text }: JobLine): string {
  const time = new Date(atMs).toISOString().replace('T', ' ');
  const fields = fieldsSchema.safeParse(fieldsOf(text));
  if (!fields.success) return shown(`${time}  ${text}`);
  const { level, event, ...rest } = fields.data;
  const more = Object.entries(rest).flatMap(([name, value]) =>
    shownElsewhere.has(name) || value === null ? [] : [`${name}=${valueText(value)}`],
  );
  return shown([time, level.padEnd(5), event, ...more].join('  '));
}

function fieldsOf(text: string): Record<string, unknown> | null {
  try {
    return z.record(z.string(), z.unknown()).safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function valueText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** What a runner prints is its model's: no byte of it may work on the terminal. */
function shown(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Bidi_Control}/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
