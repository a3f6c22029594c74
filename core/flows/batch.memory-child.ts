/**
 * The subject of the memory test: a batch of as many lines as there may be, from its file to its output, over stores that keep
 * nothing of what passes through them but counts. Prints how many results there were and the peak of memory.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createFlowWorld, fakeManifest } from '../../sim/memory/flow-world.ts';
import type { BatchRecord } from '../batch/batch.ts';
import { changed, newBatch } from '../batch/batch.ts';
import { pathOfFile } from '../batch/file.ts';
import { linkOf } from '../batch/line-result.ts';
import { batchLimits, batchRunLimits } from '../limits.ts';
import { sampleBatch, sampleTenant } from '../samples.ts';
import { finishBatch } from './finish-batch.ts';
import { validateBatch } from './validate-batch.ts';

const lineBytes = 4_000;
/** Lines of one link of results: as many as a step puts down at most. */
const linkLines = batchRunLimits.openLinesMax;
const resultBytes = 4_000;

const results = Array.from({ length: linkLines }, (_, index) => ({
  number: index + 1,
  kind: 'output' as const,
  text: JSON.stringify({ id: 'x'.padEnd(resultBytes) }),
}));
const tenant = sampleTenant();
const world = await createFlowWorld({ tenant });
const links = Math.ceil(batchLimits.linesMax / linkLines);
const written = { bytes: 0, lines: 0 };
const ports = { ...world, blobs: { ...world.blobs, read, get, write }, files: { ...world.files } };

const validated = await validateBatch(ports, newBatch(sampleBatch(), world.clock.nowMs()), tenant);
const done = changed(validated, {
  status: 'finalizing',
  cursor: null,
  outputs: { last: `link-${links}`, lines: links * linkLines },
});
const finished = await finishBatch(
  { ...ports, batches: { ...world.batches, put: async () => 'stored' } },
  done,
);
const { status }: Pick<BatchRecord, 'status'> = finished.kind === 'stepped' ? finished.batch : done;
console.log(
  JSON.stringify({
    lines: validated.total,
    errors: validated.errors.length,
    estimate: validated.estimate?.gpuMs,
    status,
    results: written.lines,
    megabytes: Math.round(written.bytes / 1e6),
    peakRssMb: peakRssMb(),
  }),
);

/** The input, a line a piece. */
async function read(_tenantId: string, path: string): Promise<AsyncIterable<Uint8Array> | null> {
  return path === pathOfFile(sampleBatch().inputFileId) ? input() : null;
}

async function* input(): AsyncIterable<Uint8Array> {
  for (let number = 1; number <= batchLimits.linesMax; number += 1) {
    const body = {
      model: fakeManifest.id,
      input: { prompt: 'x'.repeat(1_000) },
      metadata: { pad: 'y'.repeat(500) },
    };
    const line = { custom_id: `line ${number} ${'z'.repeat(200)}`, method: 'POST', url: '/v1/jobs', body };
    yield Buffer.from(`${JSON.stringify(line).padEnd(lineBytes)}\n`);
    // As a transfer does: a turn of the event loop now and then, in which memory can be given back.
    if (number % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A link of the chain: one after the other has the same results. */
async function get(_tenantId: string, path: string): Promise<Uint8Array> {
  const number = Number(path.slice('link-'.length));
  return linkOf(number === 1 ? null : `link-${number - 1}`, results);
}

async function write(
  _tenantId: string,
  _path: string,
  pieces: () => AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const piece of pieces()) {
    written.bytes += piece.byteLength;
    for (let at = piece.indexOf(0x0a); at !== -1; at = piece.indexOf(0x0a, at + 1)) written.lines += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Of this program alone, where the kernel tells it: the usual count begins with what the parent had before `exec`. */
function peakRssMb(): number {
  const text = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(text)?.[1];
  return Number(kilobytes ?? process.resourceUsage().maxRSS) / 1024;
}
