/** Metrics that keep what they were told, for a test to read. */
import type { Sample } from '#core/observability/metrics.ts';
import { type Metrics, samplesOf } from '#core/observability/metrics.ts';
import type { LogFields } from '#core/ports/process.ts';

export interface ToldEvent {
  readonly event: string;
  readonly fields: LogFields;
}

export interface RecordingMetrics extends Metrics {
  readonly events: readonly ToldEvent[];
  /** Each as `name{label=value,…} value`, in the order that they were told. */
  samples(): string[];
}

export function createRecordingMetrics(): RecordingMetrics {
  const events: ToldEvent[] = [];
  const samples: Sample[] = [];
  return {
    events,
    samples: () => samples.map(textOf),
    tell(event, values, labels, fields = {}) {
      events.push({ event, fields });
      samples.push(...samplesOf(values, labels));
    },
  };
}

function textOf({ name, labels, value }: Sample): string {
  return `${name}{${labels.map(([label, text]) => `${label}=${text}`).join(',')}} ${value}`;
}
