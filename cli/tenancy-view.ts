/** Tenants, plans, keys and aliases as a person reads them. */
import type { Alias, Key, Plan, PromptPolicy, Tenant } from '#client/schema.ts';
import { formatTime } from './format.ts';
import { fields, table } from './table.ts';

type Limits = Tenant['overrides'];

export function tenantTable(tenants: readonly Tenant[]): string {
  const rows = tenants.map(({ id, plan, status, overrides, models, port }) => [
    id,
    plan,
    status,
    modelsText(models),
    port === null ? '-' : String(port),
    limitsText(overrides) || '-',
  ]);
  return table(['ID', 'PLAN', 'STATUS', 'MODELS', 'PORT', 'OVERRIDES'], rows);
}

export function tenantDetails(tenant: Tenant): string {
  const head = fields([
    ['id', tenant.id],
    ['plan', tenant.plan],
    ['status', tenant.status],
    ['models', modelsText(tenant.models)],
    ['port', tenant.port === null ? null : String(tenant.port)],
    ['created', formatTime(tenant.created_at)],
  ]);
  const own = new Set(Object.keys(tenant.overrides));
  const rows = Object.entries(tenant.limits).map(([name, value]) => [
    name,
    String(value),
    own.has(name) ? 'own' : 'plan',
  ]);
  return `${head}\n\n${table(['LIMIT', 'VALUE', 'FROM'], rows)}`;
}

export function promptPolicyDetails(policy: PromptPolicy): string {
  const from = (name: PromptPolicy['inherited'][number]) =>
    policy.inherited.includes(name) ? ' (of the plan)' : '';
  return fields([
    ['tenant', policy.tenant],
    ['mode', `${policy.mode}${from('mode')}`],
    ['tokens', `${policy.tokens_max ?? 'no bound'}${from('tokens_max')}`],
    ['terms', policy.terms.length === 0 ? 'none' : policy.terms.join(', ')],
  ]);
}

export function planTable(plans: readonly Plan[]): string {
  const rows = plans.map(({ name, shipped, limits }) => [
    name,
    shipped ? 'Pilotlight' : 'you',
    limitsText(limits),
  ]);
  return table(['NAME', 'FROM', 'LIMITS'], rows);
}

export function keyTable(keys: readonly Key[]): string {
  const rows = keys.map((key) => [
    key.id,
    key.label ?? '-',
    key.status,
    key.expires_at === null ? '-' : formatTime(key.expires_at),
    key.last_used_on ?? 'never',
    modelsText(key.models),
    key.scopes.join(' '),
  ]);
  return table(['ID', 'LABEL', 'STATUS', 'EXPIRES', 'LAST USED', 'MODELS', 'SCOPES'], rows);
}

export function aliasTable(aliases: readonly Alias[]): string {
  const rows = aliases.flatMap(({ id, versions }) =>
    versions.map(({ version, model, weight, pixels_max: size }, index) => {
      const beside = versions.filter(({ pixels_max: other }) => other === size);
      const total = beside.reduce((sum, each) => sum + each.weight, 0);
      return [
        index === 0 ? id : '',
        version,
        model,
        size === undefined ? 'any' : pixelsText(size),
        `${((100 * weight) / total).toFixed(1)} %`,
      ];
    }),
  );
  return table(['ALIAS', 'VERSION', 'MODEL', 'UP TO', 'TENANTS'], rows);
}

/** A square by its side. */
function pixelsText(pixels: number): string {
  const side = Math.sqrt(pixels);
  return Number.isInteger(side) ? `${side}x${side}` : `${pixels} pixels`;
}

/** What `null`, none and some models are called. */
export function modelsText(models: readonly string[] | null): string {
  if (models === null) return 'all';
  return models.length === 0 ? 'none' : models.join(',');
}

function limitsText(limits: Limits): string {
  return Object.entries(limits)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
