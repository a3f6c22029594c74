import { cpSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAwsPorts } from '#aws/aws-ports.ts';
import { StartError } from '#core/errors.ts';
import { sampleJob } from '#core/samples.ts';
import {
  copyStores,
  damageFile,
  damages,
  isLog,
  storeFiles,
  tellableBytes,
} from '../../bench/faults/corrupt.ts';
import { contentsOf } from '../../bench/faults/store-contents.ts';
import { randomOf } from '../../bench/random.ts';
import { startEmulators } from '../emulators.ts';
import { holdStores } from './hold.ts';

const pool = 'fake';
const tenantId = 'tenant-a';

let folder: string;
/** Stores that were closed in good order, and what they looked like a moment before, as a kill leaves them. */
let sealed: string;
let killed: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-stores-'));
  sealed = join(folder, 'sealed');
  killed = join(folder, 'killed');
  // Twice, so that there are tables as well as logs.
  await fill(sealed);
  await fill(sealed, () => copyStores(sealed, killed));
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function fill(dataDir: string, beforeClosing: () => void = () => undefined): Promise<void> {
  const emulators = await startEmulators({ dataDir, pools: [pool] });
  const { jobs, tickets, blobs, ids, close } = createAwsPorts(emulators.config);
  for (let count = 0; count < 20; count += 1) {
    const job = sampleJob({ tenantId, pool, jobId: ids.next('job') });
    await jobs.create(job);
    await tickets.send({ pool, tenantId, jobId: job.jobId });
    await blobs.put(tenantId, `jobs/${job.jobId}/1/0.png`, Buffer.alloc(3_000, count), 'image/png');
  }
  beforeClosing();
  close();
  await emulators.close();
}

let copies = 0;

function copyOf(dataDir: string): string {
  copies += 1;
  const copy = join(folder, `copy-${copies}`);
  cpSync(dataDir, copy, { recursive: true });
  return copy;
}

/** What opening the folder comes to: the refusal, or what is in there. */
async function opened(dataDir: string): Promise<string> {
  try {
    return await contentsOf(dataDir);
  } catch (error) {
    if (error instanceof StartError && error.code === 'data_broken') return `refused: ${error.message}`;
    throw error;
  }
}

describe('stores that were closed in good order', () => {
  it('are opened again as they are, and hold what they held', async () => {
    const copy = copyOf(sealed);

    expect(await contentsOf(copy)).toBe(await contentsOf(copy));
    expect((await contentsOf(copy)).split('\n').length).toBeGreaterThan(80);
  });

  it.each(damages)('are refused by the name of the file that has a %s, whichever it is', async (damage) => {
    const random = randomOf(7);
    const files = storeFiles(sealed).map((file) => file.slice(sealed.length));

    const refusals = await Promise.all(
      files.map(async (file) => {
        const copy = copyOf(sealed);
        damageFile(join(copy, file), damage, random);
        return await opened(copy);
      }),
    );

    expect(files.some((file) => file.endsWith('.ldb'))).toBe(true);
    for (const [index, refusal] of refusals.entries()) {
      expect(refusal).toContain('refused: ');
      expect(refusal).toContain(basename(files[index] ?? ''));
      expect(refusal).toContain('Put back a copy');
    }
  });

  it('are refused when a file is gone', async () => {
    for (const file of storeFiles(sealed)) {
      const copy = copyOf(sealed);
      rmSync(join(copy, file.slice(sealed.length)));

      expect(await opened(copy)).toContain(`${basename(file)} is not there`);
    }
  });
});

describe('stores that a kill left', () => {
  it('are opened, with all that was acknowledged', async () => {
    expect(await contentsOf(copyOf(killed))).toBe(await contentsOf(copyOf(sealed)));
  });

  it('are refused, or serve what they held, wherever a byte is flipped or overwritten', {
    timeout: 240_000,
  }, async () => {
    const random = randomOf(11);
    const whole = await contentsOf(copyOf(killed));
    let refused = 0;

    for (let round = 0; round < 4; round += 1) {
      for (const file of storeFiles(killed)) {
        const copy = copyOf(killed);
        const path = join(copy, file.slice(killed.length));
        const tellable = tellableBytes(path);
        if (tellable === 0) continue;
        damageFile(path, round % 2 === 0 ? 'flip' : 'noise', random, tellable);
        const outcome = await opened(copy);
        if (outcome.startsWith('refused: ')) refused += 1;
        else expect(outcome, basename(file)).toBe(whole);
      }
    }

    expect(refused).toBeGreaterThan(8);
  });

  it('are healed of a last record that was cut short, in either store', async () => {
    for (const file of storeFiles(killed).filter((each) => isLog(each) && !/MANIFEST/.test(each))) {
      const copy = copyOf(killed);
      const path = join(copy, file.slice(killed.length));
      truncateSync(path, statSync(path).size - 3);

      expect(await opened(copy), basename(file)).not.toContain('refused');
    }
  });

  it('may have tables that no manifest names', async () => {
    const copy = copyOf(killed);
    writeFileSync(join(copy, 'dynamodb', '999999.ldb'), 'half a table');

    expect(await opened(copy)).toBe(await contentsOf(copyOf(killed)));
  });
});

describe('holding stores', () => {
  it('keeps others out until it is released, and leaves no seal while the stores are open', async () => {
    const dataDir = copyOf(sealed);
    const hold = await holdStores(dataDir);
    const seal = readFileSync(join(dataDir, 'stores.json'), 'utf8');

    await expect(holdStores(dataDir)).rejects.toMatchObject({ code: 'data_in_use' });
    await hold.release();
    const next = await holdStores(dataDir);
    next.abandon();

    expect(JSON.parse(seal)).toEqual({});
    expect(existsSync(join(dataDir, 'stores.json'))).toBe(true);
  });

  it('goes by the files themselves where the seal cannot be read', async () => {
    const dataDir = copyOf(sealed);
    writeFileSync(join(dataDir, 'stores.json'), '{"files": 3');

    const hold = await holdStores(dataDir);

    hold.abandon();
  });
});
