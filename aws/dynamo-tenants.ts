/** Tenants. The directory of tenants is a partition of the sparse index, so it needs no second write. */
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { Tenants } from '#core/ports/tenancy.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { tenantRecordSchema } from '#core/tenancy/tenant.ts';
import type { Directory, DirectoryOptions } from './directory.ts';
import { getOne, listDirectory, putNext, putOnce } from './directory.ts';
import { expression } from './expression.ts';
import { conditional, parseItem } from './items.ts';
import { gateKey, tenantKey, tenantNameKey, tenantsLine } from './keys.ts';

const directory: Directory<TenantRecord> = {
  line: tenantsLine,
  prefix: 'T#',
  keyOf: tenantKey,
  schema: tenantRecordSchema,
  what: 'tenant',
};

export function createDynamoTenants(options: DirectoryOptions): Tenants {
  return {
    async create(tenant) {
      const { tenantId } = tenant;
      // The name and the gate first: a crash in between leaves a name that only this tenant can go on with, and a
      // gate that nobody can ask; the next create goes on from there.
      if (!(await claimName(options, tenantId))) return 'exists';
      await putOnce(options, { ...gateKey(tenantId), status: gateStatus(tenant), open: {} });
      return putOnce(options, itemOf(tenant));
    },

    async get(tenantId) {
      const item = await getOne(options, tenantKey(tenantId));
      return item === null ? null : parseItem(tenantRecordSchema, item, 'tenant');
    },

    async update(tenant) {
      if (tenant.status !== 'active') await setGate(options, tenant, '<');
      if (!(await putNext(options, itemOf(tenant), { create: false }))) return 'conflict';
      if (tenant.status === 'active') await setGate(options, tenant, '<=');
      return 'updated';
    },

    list: (cursor) => listDirectory(options, directory, cursor),
  };
}

function itemOf(tenant: TenantRecord) {
  return { ...tenantKey(tenant.tenantId), ...tenant, line: tenantsLine, tag: tenant.createdAtMs };
}

function gateStatus({ status }: TenantRecord): 'active' | 'suspended' {
  return status === 'active' ? 'active' : 'suspended';
}

/** Whether the name is this tenant's: taken now, or by an earlier try. */
async function claimName({ documents, table }: DirectoryOptions, tenantId: string): Promise<boolean> {
  const { name, value, attributes } = expression();
  const written = await conditional(
    documents.send(
      new PutCommand({
        TableName: table,
        Item: { ...tenantNameKey(tenantId), tenantId },
        ConditionExpression: `attribute_not_exists(pk) OR ${name('tenantId')} = ${value(tenantId)}`,
        ...attributes(),
      }),
    ),
  );
  return written !== null;
}

/**
 * Moves the gate to the status of this version of the record. Only the one write that made the version opens the gate,
 * so opening may meet a gate that a loser closed under the same number; closing yields to what is as new. A condition
 * that does not hold says that a newer version has spoken, which is no fault.
 */
async function setGate(
  { documents, table }: DirectoryOptions,
  tenant: TenantRecord,
  older: '<' | '<=',
): Promise<void> {
  const { name, value, attributes } = expression();
  const version = name('statusVersion');
  const now = value(tenant.version);
  await conditional(
    documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { ...gateKey(tenant.tenantId) },
        UpdateExpression: `SET ${name('status')} = ${value(gateStatus(tenant))}, ${version} = ${now}`,
        ConditionExpression: `attribute_exists(pk) AND (attribute_not_exists(${version}) OR ${version} ${older} ${now})`,
        ...attributes(),
      }),
    ),
  );
}
