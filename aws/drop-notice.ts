/** What S3 says of objects that were put, as a message: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
import * as z from 'zod';
import { readDropInKey } from './keys.ts';

const noticeSchema = z.object({
  Records: z.array(z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) })),
});
/** Sent once, as the bucket is told where to send. */
const testSchema = z.object({ Event: z.literal('s3:TestEvent') });

/** The dropped files among them; null for a message that is no notice, or names what can be none. */
export function readDropNotice(
  body: string,
): readonly { readonly tenantId: string; readonly name: string }[] | null {
  const value = jsonOf(body);
  if (testSchema.safeParse(value).success) return [];
  const parsed = noticeSchema.safeParse(value);
  if (!parsed.success) return null;
  const drops = parsed.data.Records.map(({ s3 }) => readDropInKey(decoded(s3.object.key)));
  return drops.some((drop) => drop === null) ? null : drops.flatMap((drop) => drop ?? []);
}

/** As the local store's own queue carries it. */
export function dropNotice(key: string): string {
  const encoded = encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
  return JSON.stringify({ Records: [{ s3: { object: { key: encoded } } }] });
}

/** Keys come as a form's fields do. What is no encoding is a key that nobody dropped. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return '';
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
