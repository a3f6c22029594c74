/**
 * Pictures that inputs of a world name: each tenant has one, as a file and behind an address, and no two are alike, so that
 * one in the wrong hands is recognised.
 */
import { bucketOf } from '#core/admission/stored-bytes.ts';
import type { FileRecord } from '#core/batch/file.ts';
import { pathOfPicture } from '#core/batch/file.ts';
import { crockfordOf } from '#core/canonical.ts';
import { chatPictures } from '#core/chat/messages.ts';
import type { Outbound } from '#core/egress/outbound.ts';
import { pngOf } from '#core/images/png-under-test.ts';
import type { Files } from '#core/ports/batches.ts';
import type { RunBatch } from '#core/ports/runner.ts';
import { answered } from '../memory/memory-outbound.ts';
import type { MemoryWorld } from '../memory/memory-world.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';

const host = 'https://pictures.example/';
const tenantName = /tenant-(\d)$/;

/** By the number in the tenant's name. */
const pictures = [0, 1, 2].map((index) => pngOf({ width: 8 + index, height: 8 }));

function pictureOf(tenantId: string): Buffer {
  const picture = pictures[Number(tenantName.exec(tenantId)?.[1])];
  if (picture === undefined) throw new Error(`no picture is of ${tenantId}`);
  return picture;
}

function fileIdOf(tenantId: string): string {
  return `file_${crockfordOf(Buffer.from(tenantId.padEnd(17)), 26)}`;
}

/** What a chat names, by its operation: of three, one a file and some an address. Null for the others. */
export function namedPictureOf(tenantId: string, op: string): string | null {
  const share = op.charCodeAt(2) % 6;
  if (share > 2) return null;
  return share === 0 ? `${host}${tenantId}` : fileIdOf(tenantId);
}

/** As uploaded before the world begins. */
export async function bringPicture(
  { blobs, files }: MemoryWorld,
  tenantId: string,
  nowMs: number,
): Promise<void> {
  const [fileId, body] = [fileIdOf(tenantId), pictureOf(tenantId)];
  await blobs.put(tenantId, pathOfPicture(fileId), body, 'image/png');
  await files.create({
    ...{ tenantId, fileId, purpose: 'vision', filename: 'a.png', bytes: body.byteLength, isStored: true },
    createdAtMs: nowMs,
    expiresAtMs: nowMs + 30 * 24 * 60 * 60_000,
  });
}

export interface PictureHistory {
  /** How often each tenant's was fetched. */
  readonly fetched: Map<string, number>;
  /** What was kept of those, as files. */
  readonly kept: FileRecord[];
}

export function createPictureHistory(): PictureHistory {
  return { fetched: new Map(), kept: [] };
}

/** Addresses of pictures answer with them; every other address is the other outbound's. */
export function withPictures(outbound: Outbound, { pictures: { fetched } }: History): Outbound {
  return {
    async send(request) {
      if (!request.url.startsWith(host)) return outbound.send(request);
      const tenantId = request.url.slice(host.length);
      fetched.set(tenantId, (fetched.get(tenantId) ?? 0) + 1);
      const body = new Uint8Array(pictureOf(tenantId));
      return { ...answered(200), body } as Awaited<ReturnType<Outbound['send']>>;
    },
  };
}

/** Notes the files that fetched pictures are kept as. */
export function watchPictures(files: Files, { pictures: { kept } }: History): Files {
  return {
    ...files,
    async create(file) {
      const outcome = await files.create(file);
      if (outcome === 'created' && file.filename === 'fetched') kept.push(file);
      return outcome;
    },
  };
}

/**
 * I5: what is counted by day beside results and dropped files is fetched pictures: each that is kept once, and perhaps some
 * whose submission died between the count and the record, which are counted until they would have gone.
 */
export function areFetchedPictures(
  { pictures: { fetched, kept } }: History,
  tenantId: string,
  counted: ReadonlyMap<string, number>,
): boolean {
  const each = pictureOf(tenantId).byteLength;
  const own = kept.filter((file) => file.tenantId === tenantId);
  const total = [...counted.values()].reduce((sum, bytes) => sum + bytes, 0);
  if (total > each * (fetched.get(tenantId) ?? 0)) return false;
  return [...counted].every(([day, bytes]) => {
    const ofDay = own.filter(({ expiresAtMs }) => String(bucketOf(expiresAtMs)) === day);
    return bytes % each === 0 && bytes >= each * ofDay.length;
  });
}

/** I9: a runner is given the picture of the job's own tenant, and never a name in place of it. */
export function checkPictures(history: History, { items }: RunBatch): void {
  for (const { id, params } of items) {
    const job = history.stored.get(id);
    const given = chatPictures(params);
    if (job === undefined || (job.pictures.length === 0 && given.length === 0)) continue;
    const own = `data:image/png;base64,${pictureOf(job.tenantId).toString('base64')}`;
    if (given.length === 0 || given.some((url) => url !== own))
      violate(history, 'I9', `${id} of ${job.tenantId} is run with another picture than its own`);
  }
}
