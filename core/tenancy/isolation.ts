/**
 * What a tenant's jobs share with those of other tenants. `process`: they run in a runner process of its own, under
 * `gpu_memory_gb` as a hard cap. `pool`: they have a line, a queue and workers of their own.
 */
export const isolations = ['shared', 'process', 'pool'] as const;

export type Isolation = (typeof isolations)[number];
