/**
 * How soon text is at the client after its worker wrote it, over the whole local stack: the client reads beside the gateway,
 * in one process, so that both have one clock; the worker's is the machine's too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { startPlatform } from '../local/platform.ts';
import type { Bench } from './bench.ts';
import { median } from './bench.ts';

const chats = 40;
const words = 30;
const stepMs = 40;
const firstMsMax = 300;

interface Told {
  /** From the write of the first piece to its arrival. */
  readonly firstMs: number;
  /** The same of every piece. */
  readonly pieceMs: readonly number[];
  /** From the request to the first piece. */
  readonly untilFirstMs: number;
}

export const streamBench: Bench = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-bench-stream-'));
  const bounds = { workersMin: 1, workersMax: 1, idleTimeoutMs: 600_000 };
  const platform = await startPlatform({ port: 0, dataDir: join(folder, 'data'), ...bounds });
  try {
    const told: Told[] = [];
    // The first one loads the model.
    for (let count = 0; count <= chats; count += 1) told.push(await oneChat(platform));
    const warm = told.slice(1);
    const firsts = warm.map(({ firstMs }) => firstMs);
    const pieces = warm.flatMap(({ pieceMs }) => pieceMs);
    const late = firsts.filter((ms) => ms > firstMsMax).length;
    return {
      rows: [
        row('first piece, written to read', firsts, String(firstMsMax)),
        row('every piece, written to read', pieces, '-'),
        row(
          'request to first piece',
          warm.map(({ untilFirstMs }) => untilFirstMs),
          '-',
        ),
      ],
      failures: late === 0 ? [] : [`${late} of ${chats} first pieces took more than ${firstMsMax} ms`],
    };
  } finally {
    await platform.close();
    rmSync(folder, { recursive: true, force: true });
  }
};

async function oneChat(platform: Awaited<ReturnType<typeof startPlatform>>): Promise<Told> {
  const askedAtMs = Date.now();
  const { headers, body } = await request(`${platform.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${platform.credentials.tenants.demo.key}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      model: 'fake-chat',
      messages: [{ role: 'user', content: 'word '.repeat(words) }],
      step_ms: stepMs,
      stream: true,
    }),
  });
  const readAtMs: number[] = [];
  for await (const chunk of body.setEncoding('utf8')) {
    for (const line of String(chunk).split('\n')) {
      if (/"delta":\{"content":"./.test(line)) readAtMs.push(Date.now());
    }
  }
  const jobId = String(headers['x-pilotlight-job-id']);
  const written = await platform.ports.jobEvents.read('demo', jobId, { attempt: 0, at: 0 }, 1_000);
  const pieces = written.filter(({ text }) => text !== '');
  const pieceMs = pieces.map(({ toldAtMs }, index) => (readAtMs[index] ?? Number.NaN) - toldAtMs);
  const [firstMs = Number.NaN] = pieceMs;
  return { firstMs, pieceMs, untilFirstMs: (readAtMs[0] ?? Number.NaN) - askedAtMs };
}

function row(what: string, values: readonly number[], bar: string) {
  const sorted = values.toSorted((left, right) => left - right);
  const p95 = sorted[Math.floor(0.95 * (sorted.length - 1))] ?? Number.NaN;
  const range = `${sorted[0]}..${sorted.at(-1)}`;
  return { what, p50: Math.round(median(values)), p95, unit: 'ms', bar, range, count: values.length };
}
