/** The operator's routes about money: what tenants used, and where a month's instance bill went. */
import { closeQuerySchema, costsQuerySchema, costsSchema } from './costs-resource.ts';
import type { Route } from './route.ts';
import { operatorUsageQuerySchema, usageSchema } from './usage-resource.ts';

const reading = ['invalid_api_key', 'missing_scope', 'tenant_suspended', 'invalid_request'] as const;

export const costRoutes = {
  adminGetUsage: {
    id: 'adminGetUsage',
    method: 'GET',
    path: '/admin/v1/usage',
    summary: 'Read what all tenants used and what it cost, by tenant, day, model, key or tag',
    tag: 'admin',
    scope: 'admin',
    query: operatorUsageQuerySchema,
    answers: {
      200: {
        description: 'Usage of jobs admitted in that time; a row per group',
        schema: usageSchema,
        orCsv: true,
      },
    },
    errors: [...reading],
  },
  adminGetCosts: {
    id: 'adminGetCosts',
    method: 'GET',
    path: '/admin/v1/costs',
    summary: "Read where a month's instance bill went, by pool",
    tag: 'admin',
    scope: 'admin',
    query: costsQuerySchema,
    answers: {
      200: {
        description: 'A row per pool: its statement or, while the month is open, a draft',
        schema: costsSchema,
      },
    },
    errors: [...reading],
  },
  adminCloseCosts: {
    id: 'adminCloseCosts',
    method: 'POST',
    path: '/admin/v1/costs/close',
    summary: 'Close a month that ended eight days ago or longer, as is done by itself every month',
    isIdempotent: true,
    tag: 'admin',
    scope: 'admin',
    query: closeQuerySchema,
    answers: { 200: { description: 'The statements of the month', schema: costsSchema } },
    errors: [...reading, 'invalid_json', 'payload_too_large', 'unsupported_media_type', 'conflict'],
  },
} as const satisfies Record<string, Route>;
