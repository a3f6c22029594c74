/** The operator's plans and aliases: few, small, changed by hand; every write names the version it replaces. */
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import type { Aliases, Plans } from '#core/ports/tenancy.ts';
import type { AliasRecord } from '#core/tenancy/alias.ts';
import { aliasRecordSchema, readAliasId } from '#core/tenancy/alias.ts';
import type { PlanRecord } from '#core/tenancy/plans.ts';
import { planRecordSchema } from '#core/tenancy/plans.ts';
import type { Directory, DirectoryOptions } from './directory.ts';
import { getOne, listDirectory, putNext } from './directory.ts';
import { conditional, parseItem } from './items.ts';
import { aliasesLine, aliasKey, planKey, plansLine } from './keys.ts';

const plansDirectory: Directory<PlanRecord> = {
  line: plansLine,
  prefix: 'PLAN#',
  keyOf: planKey,
  schema: planRecordSchema,
  what: 'plan',
};

const aliasesDirectory: Directory<AliasRecord> = {
  line: aliasesLine,
  prefix: 'ALIAS#',
  keyOf(id) {
    const { family = '', name = '' } = readAliasId(id) ?? {};
    return aliasKey(family, name);
  },
  schema: aliasRecordSchema,
  what: 'alias',
};

export function createDynamoPlans(options: DirectoryOptions): Plans {
  return {
    async get(name) {
      const item = await getOne(options, planKey(name));
      return item === null ? null : parseItem(planRecordSchema, item, 'plan');
    },
    async put(plan) {
      const item = { ...planKey(plan.name), ...plan, line: plansLine, tag: plan.createdAtMs };
      return (await putNext(options, item, { create: true })) ? 'stored' : 'conflict';
    },
    list: (cursor) => listDirectory(options, plansDirectory, cursor),
  };
}

export function createDynamoAliases(options: DirectoryOptions): Aliases {
  return {
    async get(family, name) {
      const item = await getOne(options, aliasKey(family, name));
      return item === null ? null : parseItem(aliasRecordSchema, item, 'alias');
    },
    async put(alias) {
      const key = aliasKey(alias.family, alias.name);
      const item = { ...key, ...alias, line: aliasesLine, tag: alias.createdAtMs };
      return (await putNext(options, item, { create: true })) ? 'stored' : 'conflict';
    },
    async remove(family, name) {
      const removed = await conditional(
        options.documents.send(
          new DeleteCommand({
            TableName: options.table,
            Key: { ...aliasKey(family, name) },
            ConditionExpression: 'attribute_exists(pk)',
          }),
        ),
      );
      return removed === null ? 'missing' : 'removed';
    },
    list: (cursor) => listDirectory(options, aliasesDirectory, cursor),
  };
}
