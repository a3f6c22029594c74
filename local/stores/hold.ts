/**
 * Who may use the stores of a data folder, and whether they are what was left there.
 *
 * A clean stop seals the folder: `stores.json` then holds length and checksum of every store file, and a start takes
 * nothing else. After a kill there is no seal, and the files are held to the checksums within them; see
 * `leveldb-check.ts` and `sqlite-check.ts` for what those see. Damage ends the start, because each store by itself would
 * pass over it in silence.
 *
 * The lock is SQLite's on a file of its own: the kernel drops it with the process, so none is ever stale. It is taken
 * before anything is read and given back after the seal.
 */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { StartError } from '#core/errors.ts';
import { isFull } from '../full-disk.ts';
import { readJson, writePrivately } from '../private-file.ts';
import type { Damage } from './leveldb-check.ts';
import { findLevelDbDamage } from './leveldb-check.ts';
import { findSqliteDamage } from './sqlite-check.ts';

const sealSchema = z.object({
  /** Absent while the stores are open, and after a kill. */
  files: z.array(z.object({ name: z.string(), bytes: z.int(), crc32: z.int() })).optional(),
});

type Seal = z.infer<typeof sealSchema>;

export interface StoreHold {
  /** Call it when the stores are closed. Seals them and lets others in. */
  release(): Promise<void>;
  /** Lets others in without a seal, for a start that failed. */
  abandon(): void;
}

const tablesFolder = 'dynamodb';
const queuesFile = 'fauxqs.db';

/**
 * Takes the folder for this process alone and checks what lies there.
 * @throws StartError `data_in_use`, `data_broken`, `data_full`, `data_unwritable`
 */
export async function holdStores(dataDir: string): Promise<StoreHold> {
  const lock = takeLock(dataDir);
  try {
    const path = join(dataDir, 'stores.json');
    const seal = await readSeal(path);
    const damage =
      seal?.files === undefined ? await damageWithin(dataDir) : await damageOf(dataDir, seal.files);
    if (damage !== null) {
      throw new StartError(
        'data_broken',
        `${damage.file} ${damage.what}. Put back a copy of the folder from before, or move ${dataDir} away to begin anew.`,
      );
    }
    await writePrivately(path, {});
    return {
      async release() {
        await writePrivately(path, { files: await filesOf(dataDir) }).catch((error: unknown) => {
          // Without a seal the next start looks at the files themselves.
          if (!(error instanceof StartError)) throw error;
        });
        lock.close();
      },
      abandon: () => lock.close(),
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

function takeLock(dataDir: string): DatabaseSync {
  let lock: DatabaseSync | null = null;
  try {
    lock = new DatabaseSync(join(dataDir, 'stores.lock'));
    lock.exec('PRAGMA locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    const isBusy = error instanceof Error && /locked/i.test(error.message);
    if (isBusy) throw new StartError('data_in_use', dataDir, error);
    throw new StartError(isFull(error) ? 'data_full' : 'data_unwritable', dataDir, error);
  }
}

/** A seal that cannot be read is none: the files are then looked at themselves. */
async function readSeal(path: string): Promise<Seal | null> {
  try {
    return await readJson(path, sealSchema);
  } catch (error) {
    if (error instanceof StartError) return null;
    throw error;
  }
}

async function damageWithin(dataDir: string): Promise<Damage | null> {
  return (
    (await findLevelDbDamage(join(dataDir, tablesFolder))) ??
    (await findSqliteDamage(join(dataDir, queuesFile)))
  );
}

async function damageOf(dataDir: string, sealed: NonNullable<Seal['files']>): Promise<Damage | null> {
  for (const { name, bytes, crc32: checksum } of sealed) {
    const file = join(dataDir, name);
    const found = await stat(file).catch(() => null);
    if (found === null) return { file, what: 'is not there' };
    if (found.size !== bytes) return { file, what: `has ${found.size} bytes, not ${bytes}` };
    if ((await checksumOf(file)) !== checksum) return { file, what: 'differs from what was written' };
  }
  return null;
}

async function filesOf(dataDir: string): Promise<NonNullable<Seal['files']>> {
  const tables = await readdir(join(dataDir, tablesFolder));
  const names = [
    ...tables
      .filter((name) => /\.(ldb|sst|log)$|^MANIFEST-|^CURRENT$/.test(name))
      .map((name) => join(tablesFolder, name)),
    queuesFile,
  ];
  return await Promise.all(
    names.map(async (name) => {
      const file = join(dataDir, name);
      return { name, bytes: (await stat(file)).size, crc32: await checksumOf(file) };
    }),
  );
}

async function checksumOf(file: string): Promise<number> {
  let checksum = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 }))
    checksum = crc32(chunk, checksum);
  return checksum;
}
