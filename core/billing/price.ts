/** Price of GPU time. Integers only: micro-USD and milliseconds, rounded up once, at the end. */

/** Micro-USD of `gpuMs` on a worker that costs `usdMicrosPerGpuHour`. */
export function gpuCostUsdMicros(gpuMs: number, usdMicrosPerGpuHour: number): number {
  return Math.ceil((gpuMs * usdMicrosPerGpuHour) / 3_600_000);
}

/** Resolution weight: 512 x 512 counts as 1, by pixels, so 1024 x 1024 counts as 4 (tenancy.md 4). */
export function resolutionWeight(width: number, height: number): number {
  return (width * height) / (512 * 512);
}
