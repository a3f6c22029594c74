/** A log that keeps its lines for a test to read. */
import type { Log, LogFields } from '#core/ports/process.ts';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

export interface RecordingLog extends Log {
  readonly lines: readonly LogLine[];
  /** Names of the events so far, in order. */
  events(): string[];
}

export function createRecordingLog(): RecordingLog {
  const lines: LogLine[] = [];
  const record =
    (level: LogLine['level']) =>
    (event: string, fields: LogFields = {}) => {
      lines.push({ level, event, fields });
    };
  return {
    lines,
    events: () => lines.map((line) => line.event),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
  };
}
