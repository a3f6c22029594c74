/** Uploads as fal's client makes them: it asks where to put a file, puts it there, and names it in the input by an address. */
import * as z from 'zod';
import { fileLimits } from '../../limits.ts';

const pictureTypes = ['image/png', 'image/jpeg', 'image/webp', 'application/octet-stream'] as const;

/** A `Blob` without a type is `application/octet-stream`; what it is, its bytes say as they come. */
export const uploadRequestSchema = z.strictObject({
  content_type: z.enum(pictureTypes, `must be one of ${pictureTypes.join(', ')}: files are pictures here`),
  file_name: z.string().min(1).max(fileLimits.nameCharactersMax),
});

export const uploadSchema = z.strictObject({
  upload_url: z.string().meta({ description: 'Takes the file by PUT, for an hour' }),
  file_url: z.string().meta({ description: 'What inputs name it by' }),
});

export const uploadedSchema = z.strictObject({ id: z.string(), bytes: z.int().nonnegative() });
