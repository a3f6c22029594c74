/** What the commands of keys share: whose keys they mean, and how a secret is shown. */
import type { Key } from '#client/schema.ts';
import { usageError } from './cli-error.ts';
import type { Access, OptionTable } from './command.ts';
import { formatTime } from './format.ts';
import type { Session } from './session.ts';
import { fields } from './table.ts';
import { everyPage } from './tenancy-input.ts';

export const tenantOption = {
  tenant: { type: 'string', value: 'ID', help: "As the operator: this tenant's keys, not your own" },
} as const satisfies OptionTable;

/** With a tenant named, the operator asks; without, a tenant asks about itself. */
export function accessOf({ tenant }: { readonly tenant: string | undefined }): Access {
  return tenant === undefined ? 'tenant' : 'admin';
}

export function readKeys({ client }: Session, tenant: string | undefined, cursor: string | undefined) {
  return tenant === undefined
    ? client.call('listKeys', { query: { cursor } })
    : client.call('adminListKeys', { params: { id: tenant }, query: { cursor } });
}

/** The key that is meant when none is named: the only one that has no end. */
export async function onlyKey(session: Session, tenant: string | undefined): Promise<string> {
  const keys = await everyPage(async (cursor) => (await readKeys(session, tenant, cursor)).body);
  const active = keys.filter(({ status }) => status === 'active');
  const [only] = active;
  if (only !== undefined && active.length === 1) return only.id;
  const ids = active.map(({ id, label }) => (label === null ? id : `${id} (${label})`)).join(', ');
  throw usageError(active.length === 0 ? 'no key is active' : `say which with --id; active are: ${ids}`);
}

export function printSecret(
  session: Session,
  key: { readonly id: string; readonly secret: string },
  old: Key | null = null,
): void {
  session.print(
    fields([
      ['key', key.id],
      ['secret', key.secret],
      ['old key', old === null ? null : `${old.id}, ${endText(old)}`],
    ]),
  );
  session.note('keep the secret now: it is shown this once');
}

function endText({ status, expires_at: end }: Key): string {
  return status === 'expiring' && end !== null ? `works until ${formatTime(end)}` : `is ${status}`;
}
