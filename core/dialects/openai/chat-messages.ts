/**
 * Messages as clients of OpenAI write them, in the form that models here read. Only forms are changed: what is left, right
 * or wrong, is for the model's own check, under the same places.
 */
import type { Json } from './parameters.ts';

/** How a picture in base64 begins, by its type: `\xff\xd8\xff`, `\x89PNG\r\n\x1a\n` and `RIFF`. */
const beginnings: readonly (readonly [start: string, type: string])[] = [
  ['/9j/', 'image/jpeg'],
  ['iVBORw0KGgo', 'image/png'],
  ['UklGR', 'image/webp'],
];

/** Members of an answer that say nothing: clients send answers back as the next request's messages. */
const emptyMembers: ReadonlySet<string> = new Set([
  'annotations',
  'audio',
  'function_call',
  'refusal',
  'tool_calls',
]);

export function chatMessages(messages: Json): Json {
  return Array.isArray(messages) ? messages.map(messageOf) : messages;
}

function messageOf(message: Json): Json {
  if (!isFields(message)) return message;
  const said = Object.entries(message).filter(([name, value]) => !(emptyMembers.has(name) && isEmpty(value)));
  return Object.fromEntries(
    said.map(([name, value]) => {
      // What the newer models of the original call the system's role.
      if (name === 'role') return [name, value === 'developer' ? 'system' : value];
      return [name, name === 'content' && Array.isArray(value) ? value.map(partOf) : value];
    }),
  );
}

/** Also parts without a type, `{"image": …}` and `{"text": …}`, and a picture as nothing but its base64. */
function partOf(part: Json): Json {
  if (!isFields(part)) return part;
  const { type, ...members } = part;
  const names = Object.keys(members);
  if ((type === undefined || type === 'text') && isOnly(names, 'text')) return { type: 'text', ...members };
  if ((type === undefined || type === 'image') && isOnly(names, 'image'))
    return pictureOf(members.image ?? null);
  if ((type === undefined || type === 'image_url') && isOnly(names, 'image_url')) {
    return pictureOf(members.image_url ?? null);
  }
  return part;
}

function pictureOf(picture: Json): Json {
  const image = typeof picture === 'string' ? { url: picture } : picture;
  if (!isFields(image) || typeof image.url !== 'string') return { type: 'image_url', image_url: image };
  return { type: 'image_url', image_url: { ...image, url: addressOf(image.url) } };
}

/** A data URL for what begins like a picture in base64. */
function addressOf(url: string): string {
  const type = beginnings.find(([start]) => url.startsWith(start))?.[1];
  return type === undefined ? url : `data:${type};base64,${url}`;
}

function isOnly(names: readonly string[], name: string): boolean {
  return names.length === 1 && names[0] === name;
}

function isEmpty(value: Json): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

function isFields(value: Json): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
