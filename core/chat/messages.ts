/**
 * The messages of a chat, in OpenAI's form. A picture comes with its message, as a data URL, or is named by it; a runner
 * sees data URLs alone. The Python runtime reads the same form (`chat_messages.py`).
 */
import * as z from 'zod';
import type { ErrorDetail } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import type { FoundPictures } from '../images/picture-url.ts';
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

/**
 * Every fault of `input.messages`, pictures included, by its path; empty for messages that a model can be given. Of a
 * picture that is named and not among the `found`, nothing is said.
 */
export function chatFaults(input: Input, found?: FoundPictures): ErrorDetail[] {
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
      const read = readPictureUrl(part.image_url.url, found);
      return read.kind === 'fault' ? [{ path: `${path}.image_url.url`, message: read.message }] : [];
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
  return withUrls(input, shownPictureUrl);
}

/** The input with these in place of the pictures of its chat, by their URLs; the others stay. */
export function withChatPictures(input: Input, urls: ReadonlyMap<string, string>): Input {
  return withUrls(input, (url) => urls.get(url) ?? url);
}

function withUrls(input: Input, urlFor: (url: string) => string): Input {
  const messages = messagesOf(input);
  if (messages === null) return input;
  const withUrl = (part: Part) =>
    part.type === 'text'
      ? part
      : { ...part, image_url: { ...part.image_url, url: urlFor(part.image_url.url) } };
  const changed = messages.map(({ role, content }) => ({
    role,
    content: typeof content === 'string' ? content : content.map(withUrl),
  }));
  return { ...input, messages: changed };
}

function partsOf(input: Input): Part[] {
  return (messagesOf(input) ?? []).flatMap(({ content }): Part[] =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : content,
  );
}

function messagesOf(input: Input): readonly Message[] | null {
  return messagesSchema.safeParse(input.messages).data ?? null;
}
