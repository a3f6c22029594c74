/** The pictures of an input, whatever its model's task is: held by it, or named by it and looked for when it is submitted. */
import { chatFaults, chatPictures, withChatPictures } from '../chat/messages.ts';
import type { ErrorDetail } from '../errors.ts';
import type { FoundPictures } from '../images/picture-url.ts';
import { isPictureNamed } from '../images/picture-url.ts';
import type { Manifest, ModelInput } from './manifest.ts';
import { sourceFaults, sourcePictures, withSourcePictures } from './source-pictures.ts';

type Taking = Pick<Manifest, 'task' | 'input_schema'>;

export function takesImage({ input_schema: { properties } }: Taking): boolean {
  return properties.image !== undefined;
}

/**
 * Faults that no JSON Schema can name, by their paths. @param found what came of pictures that the input names; of others
 * nothing is said
 */
export function inputFaults(manifest: Taking, input: ModelInput, found?: FoundPictures): ErrorDetail[] {
  if (manifest.task === 'chat') return chatFaults(input, found);
  return takesImage(manifest) ? sourceFaults(input, found) : [];
}

/** The pictures that an input names in place of holding them, each once; for input that its model let through. */
export function picturesNamed(manifest: Taking, input: ModelInput): string[] {
  const urls = manifest.task === 'chat' ? chatPictures(input) : [];
  const sources = takesImage(manifest) ? sourcePictures(input) : [];
  return [...new Set([...urls, ...sources].filter(isPictureNamed))];
}

/** The input with these in place of its pictures, by what it calls them; the others stay. */
export function withPictures(input: ModelInput, urls: ReadonlyMap<string, string>): ModelInput {
  return urls.size === 0 ? input : withSourcePictures(withChatPictures(input, urls), urls);
}
