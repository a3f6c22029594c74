/**
 * Damaged store files. The platform is killed or stopped, and one file of a copy of its stores is cut, overwritten
 * with noise or has a byte flipped. Opening the copy must either be refused by the name of the file, or give exactly
 * what the undamaged stores hold; anything else is wrong data served in silence. The run goes on with the original.
 *
 * Left out is what nobody could tell from the kill itself: a log without its end, and a last record that is torn.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { StartError } from '#core/errors.ts';
import { between, oneOf } from '../random.ts';
import type { Scene } from './scene.ts';
import { contentsOf } from './store-contents.ts';

/** What a file system, a disk or a careless hand does to a file. */
export const damages = ['cut', 'noise', 'flip'] as const;
export type Damage = (typeof damages)[number];

const noiseBytes = 512;
const tables = 'dynamodb';

/** Damages the file at a random place of its first `bytes`; of all of them by default. */
export function damageFile(path: string, damage: Damage, random: () => number, bytes?: number): void {
  const content = readFileSync(path);
  const at = Math.floor(between(random, 0, bytes ?? content.length));
  if (damage === 'cut') {
    truncateSync(path, at);
    return;
  }
  const end = damage === 'flip' ? at + 1 : Math.min(bytes ?? content.length, at + noiseBytes);
  for (let index = at; index < end; index += 1) {
    content[index] = (content[index] ?? 0) ^ (1 + Math.floor(random() * 255));
  }
  writeFileSync(path, content);
}

/** Every file that holds what the stores know, and is not empty. */
export function storeFiles(dataDir: string): string[] {
  const names = [
    ...readdirSync(join(dataDir, tables))
      .filter((name) => /\.(ldb|log)$|^MANIFEST-|^CURRENT$/.test(name))
      .map((name) => join(tables, name)),
    ...['fauxqs.db', 'fauxqs.db-wal'].filter((name) => existsSync(join(dataDir, name))),
  ];
  return names.map((name) => join(dataDir, name)).filter((file) => readFileSync(file).length > 0);
}

/** `folder`: for the copies; it is gone afterwards. */
export async function damageCopy(scene: Scene, folder: string): Promise<void> {
  const { random } = scene;
  const isKilled = random() < 0.5;
  if (isKilled) await scene.kill();
  else await scene.stack.stop();
  const [whole, damaged] = [join(folder, 'whole'), join(folder, 'damaged')];
  for (const copy of [whole, damaged]) copyStores(scene.dataDir, copy);
  await scene.start();

  const file =
    oneOf(
      random,
      storeFiles(damaged).filter((each) => !isKilled || tellableBytes(each) > 0),
    ) ?? '';
  const mayCut = !isKilled || !isLog(file);
  const damage =
    oneOf(
      random,
      damages.filter((each) => mayCut || each !== 'cut'),
    ) ?? 'flip';
  damageFile(file, damage, random, isKilled ? tellableBytes(file) : undefined);
  const verdict = await open(damaged, file);
  const what = `${damage} of ${basename(file)} after a ${isKilled ? 'kill' : 'stop'}`;
  if (verdict.kind === 'refused') scene.count('damaged files refused');
  else if (verdict.kind === 'other') scene.broken(`${what}: ${verdict.what}`);
  else if (verdict.contents === (await contentsOf(whole))) scene.count('damaged files without effect');
  else scene.broken(`${what}: other data was served`);
  rmSync(folder, { recursive: true, force: true });
}

export function copyStores(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of [tables, 'fauxqs.db', 'fauxqs.db-wal', 'stores.json']) {
    if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name), { recursive: true });
  }
}

type Verdict =
  | { readonly kind: 'refused' }
  | { readonly kind: 'opened'; readonly contents: string }
  | { readonly kind: 'other'; readonly what: string };

async function open(dataDir: string, file: string): Promise<Verdict> {
  try {
    return { kind: 'opened', contents: await contentsOf(dataDir) };
  } catch (error) {
    const isRefusal =
      error instanceof StartError &&
      error.code === 'data_broken' &&
      error.message.includes(dataDir) &&
      file !== '';
    return isRefusal ? { kind: 'refused' } : { kind: 'other', what: String(error) };
  }
}

export function isLog(file: string): boolean {
  return /\.log$|-wal$|MANIFEST-\d+$/.test(file);
}

/** How much of a store file from its beginning no kill leaves damaged: all of it but the last record of a log. */
export function tellableBytes(file: string): number {
  const bytes = readFileSync(file);
  if (!isLog(file)) return bytes.length;
  return file.endsWith('-wal') ? lastFrameAt(bytes) : lastRecordAt(bytes);
}

function lastFrameAt(wal: Buffer): number {
  if (wal.length < 32) return 0;
  const frameBytes = 24 + wal.readUInt32BE(8);
  let last = 0;
  for (let at = 32; at + frameBytes <= wal.length; at += frameBytes) {
    if (!wal.subarray(at + 8, at + 16).equals(wal.subarray(16, 24))) break;
    last = at;
  }
  return last;
}

function lastRecordAt(log: Buffer): number {
  const blockBytes = 32_768;
  let last = 0;
  for (let at = 0; at + 7 <= log.length; ) {
    const left = blockBytes - (at % blockBytes);
    if (left < 7) {
      at += left;
      continue;
    }
    last = at;
    at += 7 + log.readUInt16LE(at + 4);
  }
  return last;
}
