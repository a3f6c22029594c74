/**
 * The folders of models as a runner finds them, on a disk of the worker's own: `<folder>/<model>/` with the manifest, its
 * small files and its weights. What the image brings whole is linked; other weights are fetched from the store, by the
 * list that the image holds or, where it holds none, by the one that lies beside them in the store.
 */
import { randomUUID } from 'node:crypto';
import {
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';
import { tookMs } from '#core/jumping-clock.ts';
import { weightLimits } from '#core/limits.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { WeightFile } from '#core/models/weight-list.ts';
import { filesOf, listName, weightListSchema } from '#core/models/weight-list.ts';
import type { Log } from '#core/ports/process.ts';
import { replaceFile } from '../replace-file.ts';
import { partialNames } from './partial-file.ts';
import type { Pulled, PullPorts, PullProgress } from './pull.ts';
import { pullWeights, verifiedName } from './pull.ts';

export interface ModelFoldersOptions extends PullPorts {
  readonly log: Log;
  /** Folder with the models of the image; only read. */
  readonly modelsDir: string;
  /** Folder on a disk with room for the weights. */
  readonly weightsDir: string;
}

export interface ModelFolders {
  /** For the runner. */
  readonly modelsDir: string;
  /**
   * Returns once everything that the model needs is there and right; a second call beside it waits for the first.
   * @throws StartError as `pullWeights`, and `weights_missing` where there is no list
   */
  ensure(manifest: Manifest, signal: AbortSignal): Promise<Pulled>;
}

const nothing: Pulled = { bytes: 0, files: 0 };

export function createModelFolders(options: ModelFoldersOptions): ModelFolders {
  const underWay = new Map<string, Promise<Pulled>>();
  return {
    modelsDir: options.weightsDir,
    ensure(manifest, signal) {
      const found = underWay.get(manifest.id);
      if (found !== undefined) return found;
      const pull = ensureFolder(options, manifest, signal).finally(() => underWay.delete(manifest.id));
      underWay.set(manifest.id, pull);
      return pull;
    },
  };
}

async function ensureFolder(
  options: ModelFoldersOptions,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<Pulled> {
  const own = join(options.modelsDir, manifest.id);
  const folder = join(options.weightsDir, manifest.id);
  const pinned = await readList(join(own, listName));
  if (await isWhole(own, manifest, pinned)) {
    await linkTo(own, folder);
    return nothing;
  }
  const list = pinned ?? (await fetchList(options, manifest, signal));
  await prepare(own, folder, list);
  const fromMs = options.clock.nowMs();
  const pulled = await pullWeights(options, {
    model: manifest.id,
    revision: manifest.revision,
    files: list,
    folder,
    signal,
    onProgress: progressOf(options, manifest),
  });
  await replaceFile(join(folder, 'manifest.json'), await readFile(join(own, 'manifest.json'), 'utf8'));
  const ms = tookMs(fromMs, options.clock.nowMs());
  options.log.info('weights.ready', { model: manifest.id, files: pulled.files, bytes: pulled.bytes, ms });
  return pulled;
}

/** The image brings all of it: every file of the list, or for a model without one what its engine reads. */
async function isWhole(
  own: string,
  { engine }: Manifest,
  list: readonly WeightFile[] | null,
): Promise<boolean> {
  if (list === null) return engine !== 'python' || (await isFolder(join(own, 'weights')));
  const sizes = await Promise.all(
    list.map(({ path }) =>
      stat(join(own, path)).then(
        ({ size }) => size,
        () => null,
      ),
    ),
  );
  return list.every(({ bytes }, index) => sizes[index] === bytes);
}

async function linkTo(own: string, folder: string): Promise<void> {
  if ((await readlink(folder).catch(() => null)) === own) return;
  const next = `${folder}.${randomUUID()}.next`;
  await mkdir(join(folder, '..'), { recursive: true });
  await symlink(own, next);
  // A folder of an earlier revision, which fetched its weights, gives way; a link is replaced as it is.
  if (await isRealFolder(folder)) await rm(folder, { recursive: true });
  await rename(next, folder);
}

/**
 * Small files of the image come along; files that are on no list go, so that no loader finds them. Without a manifest of
 * this revision, until the weights are there, no runner takes the folder for the model.
 */
async function prepare(own: string, folder: string, list: readonly WeightFile[]): Promise<void> {
  if (!(await isRealFolder(folder))) await rm(folder, { force: true });
  await mkdir(folder, { recursive: true });
  const isSame = await sameContent(join(own, 'manifest.json'), join(folder, 'manifest.json'));
  if (!isSame) await rm(join(folder, 'manifest.json'), { force: true });
  const listed = new Set(
    list.flatMap(({ path, sha256 }) => [path, ...Object.values(partialNames(path, sha256))]),
  );
  const brought = (await namesBelow(own)).filter((path) => path !== 'manifest.json' && !listed.has(path));
  const kept = new Set([...listed, ...brought, 'manifest.json', verifiedName]);
  for (const path of await namesBelow(folder)) {
    // Half-written notes of another process, or of one that died.
    if (!kept.has(path) && !path.endsWith('.next')) await rm(join(folder, path));
  }
  for (const path of brought) {
    if (await sameContent(join(own, path), join(folder, path))) continue;
    await mkdir(join(folder, path, '..'), { recursive: true });
    await copyFile(join(own, path), join(folder, path));
  }
}

async function sameContent(left: string, right: string): Promise<boolean> {
  const [one, other] = await Promise.all([left, right].map((path) => readFile(path).catch(() => null)));
  return one?.equals(other ?? Buffer.alloc(0)) === true && other !== null;
}

async function namesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** The list that the image pins; null without one. */
async function readList(path: string): Promise<readonly WeightFile[] | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  return parseList(text, path);
}

async function fetchList(
  { store }: ModelFoldersOptions,
  { id, revision }: Manifest,
  signal: AbortSignal,
): Promise<readonly WeightFile[]> {
  const ref = { model: id, revision, path: listName };
  const where = `models/${id}/${revision}/${listName} of the bucket`;
  try {
    const found = await store.look(ref);
    if (found === null)
      throw new StartError('weights_missing', `${id}@${revision} has no ${listName}, nor is there ${where}.`);
    if (found.bytes > weightLimits.listBytesMax)
      throw new StartError('weights_corrupt', `${where} is longer than ${weightLimits.listBytesMax} bytes.`);
    const body = await store.read(ref, found.version, 0, found.bytes, signal);
    return parseList(new TextDecoder().decode(body), where);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StartError) throw error;
    throw new StartError(
      'weights_unreachable',
      `${where}: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
}

function parseList(text: string, where: string): readonly WeightFile[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new StartError('weights_corrupt', `${where} is not JSON.`, error);
  }
  const parsed = weightListSchema.safeParse(content);
  if (parsed.success) return filesOf(parsed.data);
  const faults = faultsOf(parsed.error).map(({ path, message }) => `${path} ${message}`);
  throw new StartError('weights_corrupt', `${where}: ${faults.join('; ')}`);
}

function progressOf({ clock, log }: ModelFoldersOptions, { id }: Manifest): (progress: PullProgress) => void {
  let toldAtMs = clock.nowMs();
  return ({ doneBytes, totalBytes }) => {
    const nowMs = clock.nowMs();
    if (tookMs(toldAtMs, nowMs) < weightLimits.progressMs) return;
    toldAtMs = nowMs;
    log.info('weights.pulling', { model: id, doneBytes, totalBytes });
  };
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function isRealFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
