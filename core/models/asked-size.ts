/**
 * The size of the picture that a request asks for, read before its model is known: an alias may choose the model by it.
 * `size` counts first, as pixels on a side (`512`) or as `1024x768`; without it `width` and `height` together. Anything
 * else is no size here, and the chosen model's own schema says what is wrong with it.
 */
export interface AskedSize {
  readonly pixels: number;
  /** The field that says so. */
  readonly path: string;
}

/** Null for a request that names no size that can be read. */
export function askedSize(input: unknown): AskedSize | null {
  if (typeof input !== 'object' || input === null) return null;
  const { size, width, height }: { size?: unknown; width?: unknown; height?: unknown } = input;
  if (size !== undefined) {
    const pixels = isSide(size) ? size * size : pixelsOfText(size);
    return pixels === null ? null : { pixels, path: 'input.size' };
  }
  return isSide(width) && isSide(height) ? { pixels: width * height, path: 'input.width' } : null;
}

function pixelsOfText(text: unknown): number | null {
  if (typeof text !== 'string') return null;
  const [, width, height] = /^(\d{1,6})x(\d{1,6})$/.exec(text) ?? [];
  const [across, down] = [Number(width), Number(height)];
  return isSide(across) && isSide(down) ? across * down : null;
}

function isSide(side: unknown): side is number {
  return typeof side === 'number' && Number.isInteger(side) && side > 0;
}
