/**
 * Reads every byte of a LevelDB folder that nobody has open, as LevelDB 1.20's own formats say (doc/log_format.md,
 * doc/table_format.md). LevelDB checks less than it could: a damaged record of its log is passed over in silence, with
 * all that follows in its block, and damaged blocks of a table are served as they are unless asked otherwise, which its
 * binding for Node cannot.
 *
 * What a kill leaves is no damage: a log whose last record is cut short, and tables that no manifest names.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { maskedCrc32c } from './crc32c.ts';
import { unsnap, varint } from './snappy.ts';

/** What is wrong, for a person; null when nothing is, also where there is no store yet. */
export interface Damage {
  readonly file: string;
  readonly what: string;
}

const blockBytes = 32_768;
const headerBytes = 7;
const footerBytes = 48;
const trailerBytes = 5;
const tableMagic = 0xdb47_7524_8b80_fb57n;

export async function findLevelDbDamage(folder: string): Promise<Damage | null> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (!names.includes('CURRENT')) {
    const left = names.find((name) => /\.(ldb|sst)$|^MANIFEST-/.test(name));
    return left === undefined ? null : { file: join(folder, 'CURRENT'), what: 'is not there' };
  }
  const current = await readFile(join(folder, 'CURRENT'), 'utf8');
  const manifest = /^(MANIFEST-\d+)\n$/.exec(current)?.[1];
  if (manifest === undefined) return { file: join(folder, 'CURRENT'), what: 'names no manifest' };
  if (!names.includes(manifest)) return { file: join(folder, manifest), what: 'is not there' };

  const edits = await readLog(join(folder, manifest));
  if ('what' in edits) return edits;
  const state = { tables: new Map<number, number>(), logNumber: 0 };
  for (const edit of edits.records) applyEdit(state, edit);
  for (const [number, bytes] of state.tables) {
    const damage = await tableDamage(folder, names, number, bytes);
    if (damage !== null) return damage;
  }
  for (const name of names) {
    const number = /^(\d+)\.log$/.exec(name)?.[1];
    if (number === undefined || Number(number) < state.logNumber) continue;
    const log = await readLog(join(folder, name));
    if ('what' in log) return log;
  }
  return null;
}

/** Every whole record; a last one that was cut short is left out. */
async function readLog(file: string): Promise<{ readonly records: readonly Buffer[] } | Damage> {
  const bytes = await readFile(file);
  const records: Buffer[] = [];
  let open: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const left = blockBytes - (at % blockBytes);
    if (left < headerBytes) {
      at += left;
      continue;
    }
    if (at + headerBytes > bytes.length) break;
    const length = bytes.readUInt16LE(at + 4);
    const type = bytes[at + 6] ?? 0;
    const end = at + headerBytes + length;
    // A power cut may leave zeros where the file had grown and nothing was written yet.
    if (type === 0 && bytes.subarray(at).every((byte) => byte === 0)) break;
    if (headerBytes + length > left)
      return { file, what: `has a record at byte ${at} that passes its block` };
    if (end > bytes.length) break;
    if (bytes.readUInt32LE(at) !== maskedCrc32c(bytes.subarray(at + 6, end))) {
      return { file, what: `has a record at byte ${at} that differs from its checksum` };
    }
    const part = bytes.subarray(at + headerBytes, end);
    // Whole, first, middle, last.
    if (type < 1 || type > 4 || (type === 1 || type === 2) !== (open.length === 0)) {
      return { file, what: `has a record at byte ${at} out of its order` };
    }
    open.push(part);
    if (type === 1 || type === 4) {
      records.push(Buffer.concat(open));
      open = [];
    }
    at = end;
  }
  return { records };
}

/** The fields of db/version_edit.cc that tell which files count. */
function applyEdit(state: { readonly tables: Map<number, number>; logNumber: number }, edit: Buffer): void {
  let at = 0;
  const number = () => {
    const [value, end] = varint(edit, at);
    at = end;
    return value;
  };
  const skipText = () => {
    const length = number();
    at += length;
  };
  while (at < edit.length) {
    const tag = number();
    if (tag === 1) skipText();
    else if (tag === 2) state.logNumber = number();
    else if (tag === 3 || tag === 4 || tag === 9) number();
    else if (tag === 5) {
      number();
      skipText();
    } else if (tag === 6) {
      number();
      state.tables.delete(number());
    } else if (tag === 7) {
      number();
      state.tables.set(number(), number());
      skipText();
      skipText();
    } else throw new Error(`a manifest has a field ${tag}, which this version does not know`);
  }
}

async function tableDamage(
  folder: string,
  names: readonly string[],
  number: number,
  bytes: number,
): Promise<Damage | null> {
  const digits = String(number).padStart(6, '0');
  const name = names.find((each) => each === `${digits}.ldb` || each === `${digits}.sst`);
  const file = join(folder, name ?? `${digits}.ldb`);
  if (name === undefined) return { file, what: 'is not there' };
  const { size } = await stat(file);
  if (size !== bytes) return { file, what: `has ${size} bytes, not ${bytes}` };
  try {
    checkTable(await readFile(file));
    return null;
  } catch (error) {
    return { file, what: `is damaged: ${error instanceof Error ? error.message : error}` };
  }
}

function checkTable(bytes: Buffer): void {
  const footer = bytes.subarray(-footerBytes);
  if (footer.length < footerBytes || footer.readBigUInt64LE(footerBytes - 8) !== tableMagic) {
    throw new Error('its end is not that of a table');
  }
  const [metaindex, next] = handle(footer, 0);
  const [index] = handle(footer, next);
  readBlock(bytes, metaindex);
  for (const value of valuesOf(readBlock(bytes, index))) readBlock(bytes, handle(value, 0)[0]);
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

function handle(bytes: Uint8Array, at: number): [Handle, end: number] {
  const [offset, middle] = varint(bytes, at);
  const [size, end] = varint(bytes, middle);
  return [{ offset, size }, end];
}

function readBlock(bytes: Buffer, { offset, size }: Handle): Uint8Array {
  const end = offset + size;
  if (end + trailerBytes > bytes.length) throw new Error(`a block at byte ${offset} passes its end`);
  if (bytes.readUInt32LE(end + 1) !== maskedCrc32c(bytes.subarray(offset, end + 1))) {
    throw new Error(`the block at byte ${offset} differs from its checksum`);
  }
  const content = bytes.subarray(offset, end);
  return bytes[end] === 1 ? unsnap(content) : content;
}

/** Entries lie before the restart points and their count. */
function* valuesOf(block: Uint8Array): Generator<Uint8Array> {
  const view = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const limit = view.length - 4 * (1 + view.readUInt32LE(view.length - 4));
  for (let at = 0; at < limit; ) {
    const [, afterShared] = varint(view, at);
    const [keyBytes, afterKey] = varint(view, afterShared);
    const [valueBytes, start] = varint(view, afterKey);
    yield view.subarray(start + keyBytes, start + keyBytes + valueBytes);
    at = start + keyBytes + valueBytes;
  }
}
