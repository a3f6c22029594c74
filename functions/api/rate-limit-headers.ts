/**
 * What a submission's answer says of the tenant's limits, refused or not: requests, images and tokens in OpenAI's form, every
 * window of them in the form of the IETF draft (draft-ietf-httpapi-ratelimit-headers-10), and the soft budget.
 */
import type { Counter, GateView, LimitName } from '#core/admission/gate.ts';
import { limitCounters, softBudgetOf } from '#core/api/limits-resource.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { decimalUsd } from './job-answer.ts';

/** The window that one header of OpenAI's form tells about is the first of these that the plan limits. */
const told: Readonly<Record<'requests' | 'images' | 'tokens', readonly LimitName[]>> = {
  requests: ['requests_per_minute', 'requests_per_second', 'requests_per_day'],
  images: ['images_per_minute'],
  tokens: ['tokens_per_minute'],
};

const windowed: ReadonlySet<LimitName> = new Set(Object.values(told).flat());

interface Room {
  readonly counter: Counter;
  readonly remaining: number;
  readonly resetSeconds: number;
}

/** Lower-case names; empty for a plan that limits none of it. */
export function rateLimitHeaders(
  tenant: TenantRecord,
  gate: GateView | null,
  nowMs: number,
): Record<string, string> {
  if (gate === null) return {};
  const rooms = limitCounters(tenant, nowMs)
    .filter(({ limit }) => windowed.has(limit))
    .map((counter) => roomOf(counter, gate, nowMs));
  return { ...openAiForm(rooms), ...draftForm(rooms), ...budgetWarning(tenant, gate, nowMs) };
}

function roomOf(counter: Counter, gate: GateView, nowMs: number): Room {
  return {
    counter,
    remaining: Math.max(0, counter.max - (gate.counters[counter.name] ?? 0)),
    resetSeconds: Math.max(0, Math.ceil((counter.resetsAtMs - nowMs) / 1000)),
  };
}

function openAiForm(rooms: readonly Room[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [what, limits] of Object.entries(told)) {
    const [room] = limits.flatMap((limit) => rooms.filter(({ counter }) => counter.limit === limit));
    if (room === undefined) continue;
    headers[`x-ratelimit-limit-${what}`] = String(room.counter.max);
    headers[`x-ratelimit-remaining-${what}`] = String(room.remaining);
    headers[`x-ratelimit-reset-${what}`] = `${room.resetSeconds}s`;
  }
  return headers;
}

function draftForm(rooms: readonly Room[]): Record<string, string> {
  if (rooms.length === 0) return {};
  const policies = rooms.map(({ counter: { limit, max, windowMs } }) => {
    return `"${limit}";q=${max};w=${Math.ceil(windowMs / 1000)}`;
  });
  const states = rooms.map(({ counter: { limit }, remaining, resetSeconds }) => {
    return `"${limit}";r=${remaining};t=${resetSeconds}`;
  });
  return { 'ratelimit-policy': policies.join(', '), ratelimit: states.join(', ') };
}

function budgetWarning(tenant: TenantRecord, gate: GateView, nowMs: number): Record<string, string> {
  const budget = softBudgetOf(tenant, gate, nowMs);
  if (budget === null || !budget.isPassed) return {};
  const { used, max } = budget;
  return {
    'x-pilotlight-budget-warning': `${decimalUsd(used)} of the soft limit of ${decimalUsd(max)} USD are spent or reserved`,
  };
}
