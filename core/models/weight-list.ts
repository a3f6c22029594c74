/**
 * `weights.json`, the list of a model's weight files: each by its path in the model's folder, with length and SHA-256.
 * What is not on the list is no part of the model, and a file that differs from it is never loaded.
 */
import * as z from 'zod';

/** As keys of objects are made: nothing leads out of the folder, and no name is hidden. */
const pathSchema = z
  .string()
  .max(400)
  .regex(
    /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/,
    'must be a path within the folder',
  )
  .refine((path) => path !== 'manifest.json' && path !== listName, 'is no weight file');

/** Name of the list itself. */
export const listName = 'weights.json';

/** Other fields, such as how the weights were made, are for people. */
export const weightListSchema = z.object({
  files: z
    .record(pathSchema, z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().positive() }))
    .refine((files) => Object.keys(files).length > 0, 'names no file'),
});

export interface WeightFile {
  /** Below the model's folder. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** The files of a list, largest first: the longest ends first when several are fetched at a time. */
export function filesOf({ files }: z.infer<typeof weightListSchema>): readonly WeightFile[] {
  return Object.entries(files)
    .map(([path, file]) => ({ path, ...file }))
    .toSorted((left, right) => right.bytes - left.bytes);
}

/** Where files of models are kept until a worker needs them. */
export interface WeightStore {
  /** Length and version of a file; null when there is none. */
  look(ref: StoredRef): Promise<StoredFile | null>;
  /**
   * Bytes from `from` up to `to`, which is not among them, of that version.
   * @throws StartError `weights_corrupt` when the file was replaced meanwhile
   */
  read(ref: StoredRef, version: string, from: number, to: number, signal: AbortSignal): Promise<Uint8Array>;
}

export interface StoredRef {
  readonly model: string;
  readonly revision: string;
  readonly path: string;
}

export interface StoredFile {
  readonly bytes: number;
  /** Changes with the content. */
  readonly version: string;
}
