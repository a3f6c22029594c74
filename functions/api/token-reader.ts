/** What the edge needs of tokens; `oidc.ts` reads those of an issuer. */
import type { KeyRecord } from '#core/tenancy/tenant.ts';

export interface TokenReader {
  /**
   * What the token is worth, as a key that is stored nowhere; null when it is not a valid one. Whether there is such
   * a tenant is the caller's to look up. Throws `unavailable` when the issuer's keys cannot be had.
   */
  read(token: string): Promise<KeyRecord | null>;
}

/** Whether the text has the form of a signed token; a key of ours has no dots. */
export function looksLikeToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}
