/** Shows how pictures look so far to whoever watches a batch. */
import type { PreviewPicture, RunContext } from '../engine.ts';
import type { ShapesLook } from './shapes-model.ts';

/** As often as the manifests of larger models have it: a picture of eight steps is shown three times. */
const everySteps = 2;

export interface PreviewedPicture {
  readonly itemId: string;
  /** Of several pictures of an item, the first is shown. */
  readonly isFirst: boolean;
}

export interface Previews {
  readonly onLook: (step: number, steps: number, look: ShapesLook) => Promise<void>;
  /** Time that it took so far, which nobody pays for. */
  spentMs(): number;
}

/** Null where nobody watches. A picture that cannot be shown is drawn all the same. */
export function startPreviews(pictures: readonly PreviewedPicture[], context: RunContext): Previews | null {
  if (!context.wantsPreviews) return null;
  let spentMs = 0;
  return {
    spentMs: () => spentMs,
    async onLook(step, steps, look) {
      if (step % everySteps !== 0 || step >= steps) return;
      const startMs = performance.now();
      for (const [index, { itemId, isFirst }] of pictures.entries()) {
        if (!isFirst || context.isStopped(itemId)) continue;
        const rgb = look(index);
        if (rgb !== null) await show(itemId, step, rgb);
      }
      spentMs += performance.now() - startMs;
    },
  };

  async function show(itemId: string, step: number, picture: NonNullable<ReturnType<ShapesLook>>) {
    try {
      const { encodeJpeg } = await import('./pictures.ts');
      const { width, height } = picture;
      const shown: PreviewPicture = {
        body: await encodeJpeg(picture),
        contentType: 'image/jpeg',
        width,
        height,
      };
      context.preview(itemId, step, shown);
    } catch (err) {
      // Its text could quote what is drawn.
      console.error(`a preview was left out: ${err instanceof Error ? err.name : 'unknown fault'}`);
    }
  }
}
