/** Pictures that a request names in place of holding them: a file of the tenant's, or an address. */

export type PictureRef =
  /** By its id, or by the path of its content in this API. */
  { readonly kind: 'file'; readonly fileId: string } | { readonly kind: 'address' };

const fileForm = /^(?:(?:https?:\/\/[^/?#]+)?\/v1\/files\/)?(file_[0-9a-hjkmnp-tv-z]{26})(?:\/content)?$/;

/** Null for whatever names no picture: one that is held by its URL among them. Whether it is there is not asked. */
export function readPictureRef(text: string): PictureRef | null {
  const fileId = fileForm.exec(text)?.[1];
  if (fileId !== undefined) return { kind: 'file', fileId };
  return /^https?:\/\//i.test(text) ? { kind: 'address' } : null;
}
