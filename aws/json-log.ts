import type { Clock, Log, LogFields } from '#core/ports.ts';

/** One JSON line per event, on stderr unless `write` says otherwise. `fields` go into every line. */
export function createJsonLog(
  clock: Pick<Clock, 'nowMs'>,
  fields: LogFields = {},
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  const at =
    (level: string) =>
    (event: string, more: LogFields = {}) => {
      const time = new Date(clock.nowMs()).toISOString();
      write(`${JSON.stringify({ time, level, event, ...fields, ...more })}\n`);
    };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
