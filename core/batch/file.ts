/** What is known of a file beside its bytes. */
import * as z from 'zod';
import { fileLimits } from '../limits.ts';

export const filePurposes = ['batch', 'batch_output', 'vision'] as const;

const wholeSchema = z.int().nonnegative();

export const fileRecordSchema = z.object({
  tenantId: z.string(),
  fileId: z.string(),
  /** `batch`: lines that the tenant brought. `batch_output`: left by a batch. `vision`: a picture for inputs. */
  purpose: z.enum(filePurposes),
  filename: z.string(),
  bytes: wholeSchema,
  /** Its bytes came with its record; else they go straight to the store, and may not be there yet. */
  isStored: z.boolean(),
  createdAtMs: wholeSchema,
  /** From this instant on it answers as missing; whole seconds, because stores expire by the second. */
  expiresAtMs: wholeSchema,
});

export type FileRecord = z.infer<typeof fileRecordSchema>;
export type FilePurpose = FileRecord['purpose'];

const idForm = /^file_[0-9a-hjkmnp-tv-z]{26}$/;

/** Whether a file can have this id at all; another one is answered as missing. */
export function isFileId(id: string): boolean {
  return idForm.test(id);
}

export function isExpired({ expiresAtMs }: Pick<FileRecord, 'expiresAtMs'>, nowMs: number): boolean {
  return nowMs >= expiresAtMs;
}

/**
 * When a file goes that is made now: after what was asked for, and never later than results of the tenant do.
 * @param askedMs null: as long as it may be kept
 */
export function fileExpiryMs(nowMs: number, askedMs: number | null, retentionMs: number): number {
  const keptMs = Math.min(askedMs ?? fileLimits.keptMs, fileLimits.keptMs, retentionMs);
  return Math.ceil((nowMs + keptMs) / 1000) * 1000;
}

/** Where the bytes of a file of lines are, below its tenant's prefix. */
export function pathOfFile(fileId: string): string {
  return `files/${fileId}.jsonl`;
}

/** As {@link pathOfFile}, of a picture: its type is that of its bytes. */
export function pathOfPicture(fileId: string): string {
  return `files/${fileId}`;
}

/** As {@link pathOfFile}, of any file. */
export function pathOf({ fileId, purpose }: Pick<FileRecord, 'fileId' | 'purpose'>): string {
  return purpose === 'vision' ? pathOfPicture(fileId) : pathOfFile(fileId);
}
