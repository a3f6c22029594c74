import type { Clock, Log, LogFields } from '#core/ports/process.ts';

/**
 * One JSON line per event, on stderr unless `write` says otherwise. `fields` go into every line. No field replaces the
 * time, level or event of a line: some come from a runner, which must not be able to write another's lines.
 */
export function createJsonLog(
  clock: Pick<Clock, 'nowMs'>,
  fields: LogFields = {},
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  const at =
    (level: string) =>
    (event: string, more: LogFields = {}) => {
      const head = { time: new Date(clock.nowMs()).toISOString(), level, event };
      // Twice: first for its place in the line, then for its values.
      write(`${JSON.stringify({ ...head, ...fields, ...more, ...head })}\n`);
    };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
