/** What chats of every engine here have in common: messages in OpenAI's form, and strings that end an answer. */
import * as z from 'zod';

const partSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({
    type: z.literal('image_url'),
    image_url: z.strictObject({
      url: z.string().startsWith('data:image/', 'must be a data URL'),
      detail: z.literal('auto').optional(),
    }),
  }),
]);

export const messagesSchema = z
  .array(
    z.strictObject({
      role: z.enum(['system', 'user', 'assistant']),
      content: z.union([z.string(), z.array(partSchema).min(1)]),
    }),
  )
  .min(1);

export type ChatMessage = z.infer<typeof messagesSchema>[number];
export type ChatPart = z.infer<typeof partSchema>;

const stopSchema = z.string().min(1).max(64);

/** As a list, also where one was given. */
export const stopsSchema = z
  .union([stopSchema, z.array(stopSchema).max(4)])
  .default([])
  .transform((stop) => (typeof stop === 'string' ? [stop] : stop));

/** What a message consists of; a plain text is one part. */
export function partsOf({ content }: ChatMessage): readonly ChatPart[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}
