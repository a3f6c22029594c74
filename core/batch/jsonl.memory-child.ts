/** The subject of the memory test: reads one generated file in chunks and prints what it found and its peak of memory. */
import { existsSync, readFileSync } from 'node:fs';
import { batchLimits } from '../limits.ts';
import { createJsonlReader, type JsonlEntry } from './jsonl.ts';

const chunkBytes = 64 * 1024;
const files: Record<string, () => Iterable<Uint8Array>> = {
  lines,
  ids,
  brackets,
  values,
  gigabyte,
  bytes,
  breaks,
};

const [kind = ''] = process.argv.slice(2);
const file = files[kind];
if (file === undefined) throw new Error(`usage: jsonl.memory-child.ts ${Object.keys(files).join(' | ')}`);

const found = { lines: 0, faults: {} as Record<string, number>, refused: null as string | null };
const reader = createJsonlReader();
for (const chunk of file()) count(reader.push(chunk));
count(reader.end());
console.log(JSON.stringify({ ...found, peakRssMb: peakRssMb() }));

/** Of this program alone, where the kernel tells it: the usual count begins with what the parent had before `exec`. */
function peakRssMb(): number {
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  return Number(kilobytes ?? process.resourceUsage().maxRSS) / 1024;
}

function count(entries: readonly JsonlEntry[]): void {
  for (const entry of entries) {
    if (entry.kind === 'line') found.lines += 1;
    else if (entry.kind === 'refused') found.refused = entry.code;
    else found.faults[entry.code] = (found.faults[entry.code] ?? 0) + 1;
  }
}

function* lines(): Iterable<Uint8Array> {
  for (let number = 1; number <= batchLimits.linesMax; number += 1) {
    yield Buffer.from(`{"custom_id":"${number}","body":{"prompt":"${'x'.repeat(4_000)}"}}\n`);
  }
}

function* ids(): Iterable<Uint8Array> {
  for (let number = 1; number <= batchLimits.linesMax; number += 1) {
    yield Buffer.from(`{"custom_id":"${String(number).padStart(batchLimits.customIdCharactersMax, 'é')}"}\n`);
  }
}

/** What takes most memory parsed, by the byte. */
function* brackets(): Iterable<Uint8Array> {
  yield* arrays(Math.floor((batchLimits.lineBytesMax - 100) / 3));
}

function* values(): Iterable<Uint8Array> {
  yield* arrays((batchLimits.lineValuesMax - 4) / 2);
}

function* arrays(count: number): Iterable<Uint8Array> {
  for (let number = 1; number <= 150; number += 1) {
    yield Buffer.from(`{"custom_id":"${number}","body":[${'[],'.repeat(count)}0]}\n`);
  }
}

function* gigabyte(): Iterable<Uint8Array> {
  yield Buffer.from('{"custom_id":"first"}\n');
  const chunk = Buffer.alloc(chunkBytes, 'x');
  for (let sent = 0; sent < 1024 ** 3; sent += chunk.length) yield chunk;
}

function* bytes(): Iterable<Uint8Array> {
  const line = `{"custom_id":"a"}`.padEnd(batchLimits.lineBytesMax);
  for (const byte of Buffer.from(line)) yield Uint8Array.of(byte);
}

function* breaks(): Iterable<Uint8Array> {
  const chunk = Buffer.alloc(chunkBytes, '\n');
  for (let sent = 0; sent < batchLimits.fileBytesMax; sent += chunk.length) yield chunk;
}
