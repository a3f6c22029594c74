/**
 * Reads a demo model's files and checks every one against `weights.json`, so that a half-downloaded or altered
 * weight file is refused by name when the model is loaded and never shows up as odd pictures or answers.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

const listSchema = z.looseObject({
  /** Of the released model, whatever the folder and the model of a catalog are called. */
  name: z.enum(['pilotlight-shapes', 'pilotlight-scenes']),
  files: z.record(z.string(), z.object({ sha256: z.string().length(64), bytes: z.int().positive() })),
});

/** A file of the model is missing, unreadable or not what `weights.json` says. */
export class ModelFileError extends Error {
  override readonly name = 'ModelFileError';
  readonly code = 'MODEL_FILE';
  /** Name of the file within the model's directory. */
  readonly file: string;

  constructor(file: string, problem: string, cause?: unknown) {
    super(`Model file ${file} ${problem}.`, { cause });
    this.file = file;
  }
}

/** What `weights.json` says: each file with its sha256, and what else belongs to the model. */
export type WeightsList = z.infer<typeof listSchema>;

/** Reads all files of the list, by name. Throws ModelFileError at the first one that is not right. */
export async function readModelFiles(
  directory: string,
  { files }: WeightsList,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = await Promise.all(
    Object.entries(files).map(async ([name, expected]) => {
      const bytes = await readModelFile(directory, name);
      if (bytes.byteLength !== expected.bytes) {
        throw new ModelFileError(name, `has ${bytes.byteLength} bytes instead of ${expected.bytes}`);
      }
      if (createHash('sha256').update(bytes).digest('hex') !== expected.sha256) {
        throw new ModelFileError(name, 'does not have the sha256 that weights.json names');
      }
      return [name, bytes] as const;
    }),
  );
  return new Map(entries);
}

/** Throws ModelFileError when there is no `weights.json` of a demo model. */
export async function readWeightsList(directory: string): Promise<WeightsList> {
  const text = Buffer.from(await readModelFile(directory, 'weights.json')).toString('utf8');
  try {
    return listSchema.parse(JSON.parse(text));
  } catch (err) {
    throw new ModelFileError('weights.json', 'is not a list of files and checksums', err);
  }
}

async function readModelFile(directory: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(join(directory, name));
  } catch (err) {
    throw new ModelFileError(name, 'cannot be read', err);
  }
}
