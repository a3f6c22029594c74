/** `Gates` in memory: core's own arithmetic, one gate at a time, since nothing here waits in the middle. */
import type { AdmissionAsk, GateView } from '#core/admission/gate.ts';
import { judge, take } from '#core/admission/gate.ts';
import type { CounterCorrection } from '#core/admission/reservation.ts';
import { forgettableBuckets, lastingBucket, plusStored } from '#core/admission/stored-bytes.ts';
import { mayForgetCounter } from '#core/admission/windows.ts';
import type { AdmitOutcome, Gates, Release } from '#core/ports/gates.ts';
import type { Clock } from '#core/ports/process.ts';
import { taken } from './copy.ts';
import { createMemoryTraces } from './memory-traces.ts';
import { pageOf } from './pages.ts';
import { createRunningPlaces } from './running-places.ts';

export interface MemoryGates extends Gates {
  /** A tenant's gate comes into being with the tenant. */
  createGate(tenantId: string, status: GateView['status']): void;
  /** And follows its status. */
  setStatus(tenantId: string, status: GateView['status']): void;
}

export function createMemoryGates({ clock }: { clock: Clock }): MemoryGates {
  const gates = new Map<string, GateView>();
  const listed = new Set<string>();
  const isLater = createVersions();
  const places = createRunningPlaces();
  const traces = createMemoryTraces();

  return {
    createGate(tenantId, status) {
      gates.set(tenantId, taken({ tenantId, open: {}, counters: {}, finishTags: {}, stored: {}, status }));
    },
    setStatus(tenantId, status) {
      const gate = gates.get(tenantId);
      if (gate !== undefined) gates.set(tenantId, taken({ ...gate, status }));
    },
    async admit(tenantId, ask) {
      const gate = gates.get(tenantId);
      if (gate === undefined) return { kind: 'no_tenant' };
      if (gate.open[ask.jobId] === ask.token) return admittedTo(gate, ask);
      const judgement = judge(gate, ask, clock.nowMs());
      const isLate = traces.has(tenantId, ask.jobId, ask.token);
      if (isLate || judgement.kind === 'duplicate') return { kind: 'duplicate' };
      if (judgement.kind === 'refuse') return { kind: 'refused', refusal: judgement.refusal, gate };
      const admitted = taken(take(gate, ask));
      gates.set(tenantId, admitted);
      listed.add(tenantId);
      return admittedTo(admitted, ask);
    },
    async start(tenantId, jobId, attempt, max) {
      if (gates.get(tenantId)?.open[jobId] === undefined) return { kind: 'gone' };
      return places.start(tenantId, jobId, attempt, max);
    },
    stop: async (tenantId, jobId, attempt) => places.stop(tenantId, jobId, attempt),
    async release(tenantId, jobId, release) {
      const gate = gates.get(tenantId);
      if (gate === undefined || gate.open[jobId] !== release.token) return 'gone';
      if (release.endsRunning === true) places.free(tenantId, jobId);
      gates.set(tenantId, taken(released(gate, jobId, release)));
      traces.leave(tenantId, jobId, release.token, clock.nowMs());
      return 'released';
    },
    async note(tenantId, name, text) {
      const gate = gates.get(tenantId);
      if (gate === undefined) return 'no_tenant';
      if (traces.has(tenantId, name, text)) return 'finished';
      const standing = gate.open[name];
      if (standing !== undefined) return standing === text ? 'noted' : 'standing';
      gates.set(tenantId, taken({ ...gate, open: { ...gate.open, [name]: text } }));
      listed.add(tenantId);
      return 'noted';
    },
    async keep(tenantId, { bytes, version }) {
      const gate = gates.get(tenantId);
      if (gate === undefined || !isLater(tenantId, version)) return;
      gates.set(tenantId, taken({ ...gate, stored: { ...gate.stored, [lastingBucket]: bytes } }));
    },
    async lift(tenantId, line, upTo, to) {
      const gate = gates.get(tenantId);
      if (gate !== undefined) gates.set(tenantId, taken(lifted(gate, line, upTo, to)));
    },
    async read(tenantId) {
      return gates.get(tenantId) ?? null;
    },
    async listOpen(cursor) {
      return pageOf(listed, (tenantId) => tenantId, cursor);
    },
    async rest(tenantId, nowMs) {
      const gate = gates.get(tenantId);
      if (gate === undefined || Object.keys(gate.open).length > 0) return;
      gates.set(tenantId, taken(rested(gate, nowMs)));
      traces.forget(tenantId, nowMs);
      listed.delete(tenantId);
    },
  };
}

function admittedTo(gate: GateView, ask: AdmissionAsk): AdmitOutcome {
  return { kind: 'admitted', finishTag: gate.finishTags[ask.line] ?? 0, gate };
}

/** Whether a version is the latest of its tenant so far, which it then is. */
function createVersions() {
  const versions = new Map<string, number>();
  return (tenantId: string, version: number): boolean => {
    if (version <= (versions.get(tenantId) ?? 0)) return false;
    versions.set(tenantId, version);
    return true;
  };
}

function lifted(gate: GateView, line: string, upTo: number, to: number): GateView {
  const finishTag = gate.finishTags[line];
  if (finishTag === undefined || finishTag > upTo) return { ...gate };
  return { ...gate, finishTags: { ...gate.finishTags, [line]: to } };
}

function rested(gate: GateView, nowMs: number): GateView {
  const past = forgettableBuckets(gate.stored, nowMs);
  const counters = Object.entries(gate.counters).filter(([name]) => !mayForgetCounter(name, nowMs));
  const stored = Object.entries(gate.stored).filter(([bucket]) => !past.includes(bucket));
  return { ...gate, counters: Object.fromEntries(counters), stored: Object.fromEntries(stored) };
}

function released(gate: GateView, jobId: string, { corrections, finishTag, stored }: Release): GateView {
  const { [jobId]: _released, ...open } = gate.open;
  return {
    ...gate,
    open,
    counters: corrections.reduce(corrected, gate.counters),
    finishTags: finishTag === null ? gate.finishTags : plus(gate.finishTags, finishTag.line, finishTag.delta),
    stored: stored ? plusStored(gate.stored, stored) : gate.stored,
  };
}

function corrected(
  counters: Readonly<Record<string, number>>,
  { counter, delta }: CounterCorrection,
): Readonly<Record<string, number>> {
  return { ...counters, [counter]: (counters[counter] ?? -delta) + delta };
}

function plus(sums: Readonly<Record<string, number>>, name: string, add: number): Record<string, number> {
  return { ...sums, [name]: (sums[name] ?? 0) + add };
}
