/** Texts that stand for what tenants entrust to the platform, and who gave each of them where. */
import { randomBytes } from 'node:crypto';

export interface Planted {
  readonly tenant: string;
  readonly place: string;
}

export interface Canaries {
  /** A new text, found in nothing else. */
  plant(tenant: string, place: string): string;
  /** Takes a text that the platform made, such as a key's secret, as one more. */
  watch(text: string, tenant: string, place: string): void;
  /** Every planted text that is in this one, as it is or in another spelling of the same characters. */
  found(text: string): (Planted & { readonly canary: string })[];
  readonly count: () => number;
}

export function createCanaries(): Canaries {
  const planted = new Map<string, Planted>();
  const form = /canary[0-9a-f]{18}/g;
  const watched = new Map<string, Planted>();
  return {
    plant(tenant, place) {
      const canary = `canary${randomBytes(9).toString('hex')}`;
      planted.set(canary, { tenant, place });
      return canary;
    },
    watch(text, tenant, place) {
      watched.set(text, { tenant, place });
    },
    found(text) {
      const spelled = [text, decoded(text)].flatMap((each) => each.toLowerCase().match(form) ?? []);
      const own = [...new Set(spelled)].flatMap((canary) => {
        const at = planted.get(canary);
        return at === undefined ? [] : [{ canary, ...at }];
      });
      const secrets = [...watched].flatMap(([canary, at]) =>
        text.includes(canary) ? [{ canary, ...at }] : [],
      );
      return [...own, ...secrets];
    },
    count: () => planted.size + watched.size,
  };
}

/** With every base64 run in it read as text: an opaque cursor or a body in base64 hides nothing. */
function decoded(text: string): string {
  const runs = text.match(/[A-Za-z0-9+/_-]{24,}/g) ?? [];
  return runs.map((run) => Buffer.from(run, 'base64').toString('latin1')).join('\n');
}
