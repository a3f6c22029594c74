/**
 * Official clients as PyPI has them, against the whole stack. Each is driven by a script of `python-clients/`, whose rows are
 * the table of the client in docs/compatibility/.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { expectTable } from './compatibility.ts';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const python = process.env.PILOTLIGHT_PYTHON;
const startMs = 60_000;
/** Of all rows of one client: some wait for seconds that `Retry-After` says. */
const clientMs = 240_000;

const rowSchema = z.object({
  client: z.string(),
  version: z.string(),
  method: z.string(),
  what: z.string(),
  fault: z.string().nullable(),
});

let folder: string;
let platform: Platform;

describe.skipIf(python === undefined)('clients from PyPI (PILOTLIGHT_PYTHON is not set)', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pilotlight-clients-'));
    platform = await startPlatform({
      port: 0,
      dataDir: join(folder, 'data'),
      allowLocalWebhooks: true,
      workersMin: 1,
      workersMax: 1,
      idleTimeoutMs: clientMs,
    });
  }, startMs);

  afterAll(async () => {
    await platform?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['fal_rows.py', 'fal-pypi'],
    ['openai_rows.py', 'openai-pypi'],
    ['replicate_rows.py', 'replicate-pypi'],
    ['runpod_rows.py', 'runpod-pypi'],
  ])(
    '%s: every row passes, and they are the table of docs/compatibility',
    async (script, table) => {
      const rows = await rowsOf(script);

      expect(rows.filter(({ fault }) => fault !== null)).toEqual([]);
      const [first] = rows;
      await expectTable(table, `${first?.client} ${first?.version}`, rows);
    },
    clientMs,
  );
});

async function rowsOf(script: string): Promise<z.infer<typeof rowSchema>[]> {
  const { url, credentials } = platform;
  const child = spawn(python ?? '', [join(import.meta.dirname, 'python-clients', script)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      PYTHONDONTWRITEBYTECODE: '1',
      PILOTLIGHT_URL: url,
      PILOTLIGHT_DEMO_KEY: credentials.tenants.demo.key,
      PILOTLIGHT_ADMIN_KEY: credentials.admin_key,
    },
  });
  const closed = once(child, 'close');
  const lines = (await text(child.stdout)).split('\n').filter((line) => line !== '');
  const [code] = await closed;
  expect(code).toBe(0);
  return lines.map((line) => rowSchema.parse(JSON.parse(line)));
}
