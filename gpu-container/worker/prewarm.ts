/**
 * Makes models ready before work arrives: their weights on the disk, themselves in memory, and one dummy generation of
 * each size, so that no tenant's job pays for what a first run compiles and allocates. Nothing of it is a job: it passes
 * no line, no ledger and no gate.
 */
import { StartError } from '#core/errors.ts';
import { tookMs } from '#core/jumping-clock.ts';
import type { DummyInput } from '#core/models/dummy-inputs.ts';
import { dummyInputs } from '#core/models/dummy-inputs.ts';
import type { Model } from '#core/models/manifest.ts';
import { plannableMb } from '#core/models/memory.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import type { Runner } from '#core/ports/runner.ts';
import type { ModelFolders } from './weights/model-folders.ts';

export interface PrewarmPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly runner: Runner;
  /** Null where the weights lie beside the manifests. */
  readonly folders: Pick<ModelFolders, 'ensure'> | null;
  /** Memory of the card; undefined: no bound is known. */
  readonly gpuMemoryMb?: number | undefined;
}

/** How far: the weights alone, the model in memory, or also its dummy generations. */
export const prewarmDepths = ['weights', 'load', 'shapes'] as const;
export type PrewarmDepth = (typeof prewarmDepths)[number];

export interface PrewarmAsk {
  readonly depth: PrewarmDepth;
  /** Ends what is under way; what is ready by then stays. */
  readonly signal: AbortSignal;
}

export type Prewarmed =
  | {
      readonly kind: 'ready';
      readonly weightsMs: number;
      readonly loadMs: number;
      readonly shapes: readonly WarmShape[];
    }
  | {
      readonly kind: 'failed';
      readonly stage: PrewarmStage;
      /** Of `startErrors`, `jobErrors` or a load's outcome. */
      readonly code: string;
      readonly message: string;
    };

export type PrewarmStage = 'weights' | 'load' | 'run' | 'stopped';

export interface WarmShape {
  readonly shape: string;
  /** From the call to its end, the first time it ran. */
  readonly ms: number;
}

type Failed = Extract<Prewarmed, { kind: 'failed' }>;

/** Returns in any case; a model that did not come up says at which stage and why. */
export async function prewarm(ports: PrewarmPorts, model: Model, ask: PrewarmAsk): Promise<Prewarmed> {
  const { id } = model.manifest;
  const outcome = await prewarmModel(ports, model, ask);
  if (outcome.kind === 'failed') {
    const { stage, code, message } = outcome;
    ports.log.error('worker.not_prewarmed', { model: id, stage, code, message });
    return outcome;
  }
  const { weightsMs, loadMs, shapes } = outcome;
  const firstRunMs = shapes[0]?.ms ?? null;
  ports.log.info('worker.prewarmed', { model: id, weightsMs, loadMs, firstRunMs, shapes: shapes.length });
  return outcome;
}

async function prewarmModel(ports: PrewarmPorts, model: Model, ask: PrewarmAsk): Promise<Prewarmed> {
  const { manifest } = model;
  const ready = { kind: 'ready', weightsMs: 0, loadMs: 0, shapes: [] } as const;
  const weights = await timed(ports.clock, () => bringWeights(ports, model, ask.signal));
  if (weights.value !== null) return weights.value;
  if (ask.depth === 'weights') return { ...ready, weightsMs: weights.ms };
  if (ask.signal.aborted) return stopped();

  const load = await timed(ports.clock, () => ports.runner.load(manifest.id, manifest.revision));
  if (load.value.kind === 'failed')
    return failure(ask, 'load', load.value.code, 'the model could not be loaded');
  const before = { ...ready, weightsMs: weights.ms, loadMs: load.ms };
  return ask.depth === 'load' ? before : await runShapes(ports, model, ask, before);
}

/** Null when they are there. */
async function bringWeights(
  { folders }: PrewarmPorts,
  model: Model,
  signal: AbortSignal,
): Promise<Failed | null> {
  try {
    await folders?.ensure(model.manifest, signal);
    return null;
  } catch (error) {
    if (signal.aborted) return stopped();
    // Anything else is a fault of ours, and not of the weights.
    if (!(error instanceof StartError)) throw error;
    return { kind: 'failed', stage: 'weights', code: error.code, message: error.message };
  }
}

async function runShapes(
  ports: PrewarmPorts,
  model: Model,
  ask: PrewarmAsk,
  before: Extract<Prewarmed, { kind: 'ready' }>,
): Promise<Prewarmed> {
  const dummies = dummyInputs(model);
  const { id } = model.manifest;
  if (dummies.kind === 'unknown') {
    ports.log.warn('worker.no_dummy_input', { model: id, fields: dummies.fields.join(' ') });
    return before;
  }
  const shapes: WarmShape[] = [];
  for (const dummy of dummies.inputs) {
    if (ask.signal.aborted) return stopped();
    if (!fits(ports, model, dummy)) {
      ports.log.warn('worker.shape_too_large', { model: id, shape: dummy.shape });
      continue;
    }
    const run = await timed(ports.clock, () => runShape(ports, model, dummy, ask));
    if (run.value !== null) return run.value;
    shapes.push({ shape: dummy.shape, ms: run.ms });
  }
  return { ...before, shapes };
}

/** Null when it ended well. */
async function runShape(
  { runner }: PrewarmPorts,
  model: Model,
  { shape, input }: DummyInput,
  ask: PrewarmAsk,
): Promise<Failed | null> {
  const { id, revision } = model.manifest;
  const itemId = `prewarm-${id}`;
  const batch = {
    batchId: itemId,
    model: id,
    revision,
    items: [{ id: itemId, params: input }],
    needs: { peakMb: model.workOf(input).memoryMb, tenantId: null, memoryMaxMb: null },
  };
  const cancel = () => runner.cancel(itemId);
  ask.signal.addEventListener('abort', cancel, { once: true });
  const outcomes = await runner.run(batch, { onProgress: () => undefined });
  ask.signal.removeEventListener('abort', cancel);
  const outcome = outcomes.get(itemId);
  if (outcome?.kind === 'succeeded') return null;
  if (outcome?.kind !== 'failed') return stopped();
  return failure(ask, 'run', outcome.code, `${shape}: ${outcome.message}`);
}

/** A shape that no card of the pool holds is refused to tenants as well; trying it would only take the runner down. */
function fits({ gpuMemoryMb }: PrewarmPorts, model: Model, { input }: DummyInput): boolean {
  const { memoryMb, residentMb } = model.workOf(input);
  return gpuMemoryMb === undefined || memoryMb + residentMb <= plannableMb(gpuMemoryMb);
}

/** Whatever ends while it is being stopped ends because of that. */
function failure({ signal }: PrewarmAsk, stage: PrewarmStage, code: string, message: string): Failed {
  return signal.aborted ? stopped() : { kind: 'failed', stage, code, message };
}

function stopped(): Failed {
  return { kind: 'failed', stage: 'stopped', code: 'stopped', message: 'it was stopped, or took too long' };
}

async function timed<T>(clock: Clock, task: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const fromMs = clock.nowMs();
  const value = await task();
  return { value, ms: tookMs(fromMs, clock.nowMs()) };
}
