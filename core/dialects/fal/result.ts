/** What a job made, in fal's usual forms: pictures as a list of files, a text as `output`. */
import * as z from 'zod';
import type { JobRecord } from '../../job/job.ts';
import type { ToldOutput } from '../outputs.ts';

const countSchema = z.int().nonnegative();
const timings = { timings: z.strictObject({ inference: z.number().nonnegative() }) };

const picturesSchema = z.strictObject({
  images: z.array(
    z.strictObject({
      url: z.string().meta({ description: 'Works for 15 minutes; new in every answer' }),
      content_type: z.string(),
      file_name: z.string(),
      file_size: countSchema,
      width: countSchema.nullable(),
      height: countSchema.nullable(),
    }),
  ),
  seed: countSchema.nullable(),
  ...timings,
});

const textSchema = z.strictObject({
  output: z.string(),
  partial: z.boolean().meta({ description: 'True of what a stream tells before the end' }),
  ...timings,
});

export const resultSchema = z.union([picturesSchema, textSchema]).meta({ id: 'FalResult' });

export type FalResult = z.infer<typeof resultSchema>;

export function presentResult(job: JobRecord, outputs: readonly ToldOutput[]): FalResult {
  const inference = (job.timings?.runMs ?? 0) / 1000;
  const [first] = outputs;
  if (first?.type === 'text') return { output: first.text, partial: false, timings: { inference } };
  const images = outputs.flatMap((output, index) => {
    if (output.type === 'text') return [];
    const { url, contentType, bytes, width = null, height = null } = output;
    const file_name = `${index}.${contentType.split('/').at(-1)}`;
    return [{ url, content_type: contentType, file_name, file_size: bytes, width, height }];
  });
  return { images, seed: job.receipt?.seeds[0] ?? null, timings: { inference } };
}

/** What a stream tells of a text before its end. */
export function presentPart(output: string): FalResult {
  return { output, partial: true, timings: { inference: 0 } };
}
