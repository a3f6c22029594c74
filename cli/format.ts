/** Numbers and times as a person reads them. */

/** Micro-dollars as dollars, with no more digits than they carry: `$0.000012`, `$1.50`, `-$0.07`. */
export function formatUsd(usdMicros: number): string {
  const [whole = '0', fraction = ''] = (Math.abs(usdMicros) / 1_000_000).toFixed(6).split('.');
  return `${usdMicros < 0 ? '-' : ''}$${whole}.${fraction.replace(/0+$/, '').padEnd(2, '0')}`;
}

/** `340 ms`, `1.2 s`, `3 min 20 s`. */
export function formatMs(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `512 B`, `12.3 kB`, `4.0 MB`, `2.3 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(1)} GB`;
}

/** `26 MB`, `12.0 GB`, of units of 10^6 bytes. */
export function formatGb(mb: number): string {
  return mb < 1_000 ? `${Math.round(mb)} MB` : `${(mb / 1_000).toFixed(1)} GB`;
}

/** An RFC 3339 time without its `T` and milliseconds: `2026-01-31 08:15:00Z`. */
export function formatTime(time: string): string {
  return time.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}
