/** Reads the files that a result names, trusting nothing that the runner says about them. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunFile } from '#core/ports/runner.ts';
import type { ResultFile } from '../protocol/messages.ts';

/** A 4096 x 4096 RGB picture without any compression: nothing that an engine makes is larger. */
const fileBytesMax = 48 * 1024 * 1024;

/**
 * The files with their bodies. Throws when one is missing, is a link, a pipe or a folder, or differs from its entry in
 * length or hash: then it is not what the engine made.
 */
export async function readResultFiles(
  scratchDir: string,
  files: readonly ResultFile[],
): Promise<readonly RunFile[]> {
  return await Promise.all(files.map((file) => readResultFile(scratchDir, file)));
}

async function readResultFile(scratchDir: string, file: ResultFile): Promise<RunFile> {
  const body = await readBody(join(scratchDir, file.path), file.bytes);
  const sha256 = createHash('sha256').update(body).digest('hex');
  if (body.byteLength !== file.bytes || sha256 !== file.sha256) {
    throw new Error(`the file ${file.path} differs from its entry`);
  }
  return {
    type: file.contentType.startsWith('image/') ? 'image' : 'text',
    contentType: file.contentType,
    body,
    sha256,
    ...(file.width === null ? {} : { width: file.width }),
    ...(file.height === null ? {} : { height: file.height }),
  };
}

/** Without waiting: for one who opens a pipe to read, the system waits as long as nobody writes, and with it a thread of this process. */
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

async function readBody(path: string, bytes: number): Promise<Uint8Array> {
  if (bytes > fileBytesMax) throw new Error(`a file of ${bytes} bytes passes the limit of ${fileBytesMax}`);
  const handle = await open(path, openFlags);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error('what a result names is no file');
    if (stats.size !== bytes) throw new Error(`a file of ${stats.size} bytes was announced with ${bytes}`);
    return await readAnnounced(handle, bytes);
  } finally {
    await handle.close();
  }
}

/** The runner may write on while this reads: one byte more than announced is enough to see it. */
async function readAnnounced(handle: FileHandle, bytes: number): Promise<Uint8Array> {
  const body = Buffer.alloc(bytes + 1);
  let length = 0;
  while (length < body.byteLength) {
    const { bytesRead } = await handle.read(body, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  if (length > bytes) throw new Error(`a file has more than the ${bytes} bytes that it said`);
  return body.subarray(0, length);
}
