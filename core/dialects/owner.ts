/** Dialects that name a model by an owner and a name, as `pilotlight/z-image-turbo`. */
export const owner = 'pilotlight';

/** What requests of ours call `owner/name`; null: there is no such owner. */
export function modelNameOf(ownerName: string, name: string): string | null {
  return ownerName === owner ? name : null;
}
