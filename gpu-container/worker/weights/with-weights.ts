/** A runner whose models find their weights: they are brought before a load, and before a run that has to load again. */
import { StartError } from '#core/errors.ts';
import type { Catalog } from '#core/models/manifest.ts';
import type { Log } from '#core/ports/process.ts';
import type { LoadOutcome, Runner } from '#core/ports/runner.ts';
import type { ModelFolders } from './model-folders.ts';

export interface WithWeightsPorts {
  readonly catalog: Catalog;
  readonly folders: Pick<ModelFolders, 'ensure'>;
  readonly log: Log;
  readonly runner: Runner;
  /** Ends what is being fetched. */
  readonly signal: AbortSignal;
}

export function withWeights({ catalog, folders, log, runner, signal }: WithWeightsPorts): Runner {
  /** Looked at once: what lies on the disk stays there. */
  const ensured = new Set<string>();
  return {
    async load(model, revision, needs) {
      if (ensured.has(model)) return runner.load(model, revision, needs);
      const manifest = catalog.get(model)?.manifest;
      if (manifest === undefined) return { kind: 'failed', code: 'no_such_model' };
      try {
        await folders.ensure(manifest, signal);
        ensured.add(model);
      } catch (error) {
        log.error('weights.failed', {
          model,
          reason: error instanceof Error ? error.message : String(error),
        });
        return { kind: 'failed', code: loadCodeOf(error) };
      }
      return runner.load(model, revision, needs);
    },
    run: (batch, events) => runner.run(batch, events),
    cancel: (itemId) => runner.cancel(itemId),
    resident: () => runner.resident(),
  };
}

/** What another worker, or this one later, may do better is `worker_lost`; weights that are wrong are wrong everywhere. */
function loadCodeOf(error: unknown): Extract<LoadOutcome, { kind: 'failed' }>['code'] {
  const isWrong =
    error instanceof StartError && (error.code === 'weights_missing' || error.code === 'weights_corrupt');
  return isWrong ? 'model_error' : 'worker_lost';
}
