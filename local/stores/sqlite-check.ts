/**
 * Reads every byte of the SQLite file of queues and blobs, which nobody has open. SQLite keeps no checksums of its
 * pages, and passes over the rest of its log (WAL) in silence from the first damaged frame on.
 *
 * What a kill leaves is no damage: a last frame that is cut short. Beside structure and indexes (`integrity_check`),
 * every message and every object is held to the MD5 that is stored with it.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import type { Damage } from './leveldb-check.ts';

const walHeaderBytes = 32;
const frameHeaderBytes = 24;

export async function findSqliteDamage(file: string): Promise<Damage | null> {
  const wal = `${file}-wal`;
  if (existsSync(wal)) {
    const what = walDamage(await readFile(wal));
    if (what !== null) return { file: wal, what };
  }
  return existsSync(file) ? databaseDamage(file) : null;
}

/**
 * Frames after the first bad one belong to what was written before the log began anew, unless they carry the salt of
 * now: then a frame in the middle is damaged, and what follows it would be lost (sqlite.org/fileformat2.html, 4.1-4.4).
 */
function walDamage(wal: Buffer): string | null {
  if (wal.length < walHeaderBytes) return null;
  const magic = wal.readUInt32BE(0);
  if (magic !== 0x377f_0682 && magic !== 0x377f_0683) return 'does not begin as a log does';
  const isBigEndian = magic === 0x377f_0683;
  let sum = checksum(wal.subarray(0, 24), [0, 0], isBigEndian);
  if (!isStored(wal, 24, sum)) return 'has a header that differs from its checksum';
  const frameBytes = frameHeaderBytes + wal.readUInt32BE(8);
  const salt = wal.subarray(16, 24);
  let firstBad: number | null = null;
  for (let at = walHeaderBytes; at + frameBytes <= wal.length; at += frameBytes) {
    const isOfNow = wal.subarray(at + 8, at + 16).equals(salt);
    if (firstBad !== null) {
      if (isOfNow) return `has a frame at byte ${firstBad} that differs from its checksum`;
      continue;
    }
    sum = checksum(wal.subarray(at, at + 8), sum, isBigEndian);
    sum = checksum(wal.subarray(at + frameHeaderBytes, at + frameBytes), sum, isBigEndian);
    if (!isOfNow || !isStored(wal, at + 16, sum)) firstBad = at;
  }
  return null;
}

type Sum = readonly [number, number];

function checksum(bytes: Buffer, [first, second]: Sum, isBigEndian: boolean): Sum {
  let [left, right] = [first, second];
  for (let at = 0; at < bytes.length; at += 8) {
    left = (left + (isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + right) >>> 0;
    right = (right + (isBigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + left) >>> 0;
  }
  return [left, right];
}

function isStored(bytes: Buffer, at: number, [left, right]: Sum): boolean {
  return bytes.readUInt32BE(at) === left && bytes.readUInt32BE(at + 4) === right;
}

function databaseDamage(file: string): Damage | null {
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(file);
    const found = db.prepare('PRAGMA integrity_check(1)').get();
    const word = String(Object.values(found ?? {})[0]);
    if (word !== 'ok') return { file, what: `is damaged: ${word.replaceAll('\n', ' ')}` };
    return contentDamage(db, file);
  } catch (error) {
    return { file, what: `cannot be read: ${error instanceof Error ? error.message : error}` };
  } finally {
    db?.close();
  }
}

const messageSchema = z.object({ message_id: z.string(), body: z.string(), md5_of_body: z.string() });
const objectSchema = z.object({ key: z.string(), body: z.instanceof(Uint8Array), etag: z.string() });

function contentDamage(db: DatabaseSync, file: string): Damage | null {
  const tables = new Set(
    db
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .all()
      .map(({ name }) => name),
  );
  if (tables.has('sqs_messages')) {
    for (const row of db.prepare('SELECT message_id, body, md5_of_body FROM sqs_messages').iterate()) {
      const { message_id: id, body, md5_of_body: md5 } = messageSchema.parse(row);
      if (md5Of(body) !== md5)
        return { file, what: `holds the message ${id}, which differs from its checksum` };
    }
  }
  if (tables.has('s3_objects')) {
    // An object that was put together from parts has the MD5 of their MD5s; the product makes none.
    for (const row of db.prepare('SELECT key, body, etag FROM s3_objects WHERE parts IS NULL').iterate()) {
      const { key, body, etag } = objectSchema.parse(row);
      if (md5Of(body) !== etag.replaceAll('"', '')) {
        return { file, what: `holds the object ${key}, which differs from its checksum` };
      }
    }
  }
  return null;
}

function md5Of(body: string | Uint8Array): string {
  return createHash('md5').update(body).digest('hex');
}
