/** Half precision (IEEE 754 binary16) and bfloat16, which this TypeScript's library has no arrays for. */

const bits = new DataView(new ArrayBuffer(4));

export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The nearest half, ties to the even one; infinity past the largest. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  // Half way from the largest, 65504, to what would come next.
  if (size >= 65_520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 2 ** -24)));
  // In units of the last place; both sides of a rounding that carries agree on the bits.
  const units = roundToEven(size / 2 ** (exponent - 10));
  return sign | (units + ((exponent + 14) << 10));
}

export function fromBfloat16(value: number): number {
  bits.setUint32(0, value << 16);
  return bits.getFloat32(0);
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
