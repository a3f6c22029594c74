/** How a gate's item holds its traces: an attribute each, so that a release can leave one in an item that never had any. */
import type { Traces } from '#core/admission/traces.ts';
import { forgettableTraces } from '#core/admission/traces.ts';
import type { Item } from './items.ts';
import { readTraceAttribute, traceAttribute } from './keys.ts';

/** Of one write: some 600 B of expression, which ends at 4 KB. */
const droppedMax = 100;

export function tracesOfItem(item: Item): Traces {
  const traces = Object.entries(item).flatMap(([attribute, content]) => {
    const trace = readTraceAttribute(attribute);
    return trace === null ? [] : [[trace, Number(content)] as const];
  });
  return Object.fromEntries(traces);
}

/** Attributes of the traces that may go. */
export function pastTraces(traces: Traces, nowMs: number): string[] {
  return forgettableTraces(traces, nowMs).slice(0, droppedMax).map(traceAttribute);
}
