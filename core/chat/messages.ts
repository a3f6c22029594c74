/**
 * The messages of a chat, in OpenAI's form. A picture comes with its message, as a data URL: nothing is ever fetched for
 * a runner, because an address that a tenant chose may lead anywhere. The Python runtime reads the same form
 * (`chat_messages.py`).
 */
import * as z from 'zod';
import type { ErrorDetail } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { readPictureUrl, shownPictureUrl } from '../images/picture-url.ts';
import type { JobRecord } from '../job/job.ts';
import { imageLimits } from '../limits.ts';

type Input = JobRecord['input'];

const imageSchema = z.strictObject({ url: z.string(), detail: z.literal('auto').optional() });

const partSchema = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text'), text: z.string() }),
    z.strictObject({ type: z.literal('image_url'), image_url: imageSchema }),
  ],
  'must be one of text, image_url',
);

const messagesSchema = z
  .array(
    z.strictObject({
      role: z.enum(['system', 'user', 'assistant']),
      content: z.union([z.string(), z.array(partSchema).min(1)]),
    }),
  )
  .min(1);

export type Message = z.infer<typeof messagesSchema>[number];
type Part = z.infer<typeof partSchema>;

/** Every fault of `input.messages`, pictures included, by its path; empty for messages that a model can be given. */
export function chatFaults(input: Input): ErrorDetail[] {
  const parsed = messagesSchema.safeParse(input.messages);
  if (!parsed.success) return faultsOf(parsed.error, ['input', 'messages']);
  let pictures = 0;
  return parsed.data.flatMap(({ role, content }, message) => {
    if (typeof content === 'string') return [];
    return content.flatMap((part, index) => {
      const path = `input.messages.${message}.content.${index}`;
      if (part.type === 'text') return [];
      pictures += 1;
      if (pictures === imageLimits.perChatMax + 1) {
        return [{ path, message: `a chat holds at most ${imageLimits.perChatMax} pictures` }];
      }
      if (role !== 'user') return [{ path, message: 'only messages of the role user hold pictures' }];
      const read = readPictureUrl(part.image_url.url);
      return read.kind === 'picture' ? [] : [{ path: `${path}.image_url.url`, message: read.message }];
    });
  });
}

/** Everything that a person wrote, message by message; empty for input that is no chat. */
export function chatTexts(input: Input): string[] {
  return partsOf(input).flatMap((part) => (part.type === 'text' ? [part.text] : []));
}

/** The URLs of its pictures; empty for input that is no chat. */
export function chatPictures(input: Input): string[] {
  return partsOf(input).flatMap((part) => (part.type === 'image_url' ? [part.image_url.url] : []));
}

/** The input as it may be shown: the pictures of a chat by their type alone. */
export function withoutPictures(input: Input): Input {
  const messages = messagesOf(input);
  if (messages === null) return input;
  const shown = messages.map(({ role, content }) => ({
    role,
    content: typeof content === 'string' ? content : content.map(withoutPicture),
  }));
  return { ...input, messages: shown };
}

function withoutPicture(part: Part) {
  if (part.type === 'text') return part;
  return { ...part, image_url: { ...part.image_url, url: shownPictureUrl(part.image_url.url) } };
}

function partsOf(input: Input): Part[] {
  return (messagesOf(input) ?? []).flatMap(({ content }): Part[] =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : content,
  );
}

function messagesOf(input: Input): readonly Message[] | null {
  return messagesSchema.safeParse(input.messages).data ?? null;
}
