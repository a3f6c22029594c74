import { describe, expect, it, vi } from 'vitest';
import type { RunContext } from '../engine.ts';
import { startPreviews } from './shapes-previews.ts';

const pictures = [
  { itemId: 'a', isFirst: true },
  { itemId: 'a', isFirst: false },
  { itemId: 'b', isFirst: true },
];
const grey = { rgb: new Uint8Array(4 * 4 * 3).fill(128), width: 4, height: 4 };

function contextOf(change: Partial<RunContext> = {}) {
  const shown: string[] = [];
  const context: RunContext = {
    wantsPreviews: true,
    isStopped: () => false,
    progress: () => undefined,
    preview: (itemId, step, { contentType, width, height }) =>
      shown.push(`${itemId} ${step} ${contentType} ${width}x${height}`),
    delta: () => undefined,
    write: async () => undefined,
    end: () => undefined,
    ...change,
  };
  return { shown, context };
}

describe('previews of the demo model', () => {
  it('show the first picture of each item after every second step but the last', async () => {
    const { shown, context } = contextOf();
    const previews = startPreviews(pictures, context);

    for (let step = 1; step <= 4; step += 1) await previews?.onLook(step, 4, () => grey);

    expect(shown).toEqual(['a 2 image/jpeg 4x4', 'b 2 image/jpeg 4x4']);
    expect(previews?.spentMs()).toBeGreaterThan(0);
  });

  it('are made for nobody where nobody watches, and for no item that is to stop', async () => {
    const { shown, context } = contextOf({ isStopped: (itemId) => itemId === 'a' });

    await startPreviews(pictures, context)?.onLook(2, 4, () => grey);

    expect(shown).toEqual(['b 2 image/jpeg 4x4']);
    expect(startPreviews(pictures, contextOf({ wantsPreviews: false }).context)).toBeNull();
  });

  it('are left out where one cannot be made, and the picture is drawn all the same', async () => {
    const { shown, context } = contextOf();
    const said = vi.spyOn(console, 'error').mockReturnValue();
    const broken = { rgb: new Uint8Array(3), width: 4, height: 4 };

    await startPreviews(pictures, context)?.onLook(2, 4, (index) => (index === 0 ? broken : grey));

    expect(shown).toEqual(['b 2 image/jpeg 4x4']);
    expect(said.mock.calls).toEqual([['a preview was left out: Error']]);
    said.mockRestore();
  });
});
