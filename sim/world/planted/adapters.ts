/** Planted bugs of adapters: see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

export const adapterMutants: readonly Mutant[] = [
  {
    name: 'adapters-of-everybody',
    mistake: 'an adapter is found by its id, whoever asks',
    file: 'sim/memory/memory-adapters.ts',
    find: `return copy(of(tenantId).get(adapterId) ?? null);`,
    replace: `return copy([...tenants.values()].map((own) => own.get(adapterId)).find(Boolean) ?? null);`,
  },
  {
    name: 'adapters-shared-by-a-call',
    mistake: 'jobs under other adapters share a call',
    file: 'core/adapter/job-adapters.ts',
    find: `if (adapters.length === 0) return batchKey;`,
    replace: `return batchKey;`,
    seed: 180,
  },
  {
    name: 'one-adapter-too-many',
    mistake: 'a tenant may have one adapter more than its limit',
    file: 'sim/memory/memory-adapters.ts',
    find: `if (own.size >= max) return 'full';`,
    replace: `if (own.size > max) return 'full';`,
  },
  {
    name: 'any-file-is-an-adapter',
    mistake: 'a file that is no LoRA becomes ready',
    file: 'core/adapter/adapter.ts',
    find: `return { ...next, status: 'refused', refusal: { rule, detail } };`,
    replace: `return { ...next, status: 'ready', refusal: { rule, detail } };`,
  },
  {
    name: 'adapters-not-counted-after-a-crash',
    mistake: 'what a crash left uncounted of adapters stays so',
    file: 'core/flows/sweep.ts',
    find: `  await sweepAdapters(ports);`,
    replace: ``,
  },
  {
    name: 'earlier-total-of-adapters-wins',
    mistake: 'the gate takes whatever total of adapters is told last',
    seed: 1_808,
    file: 'sim/memory/memory-gates.ts',
    find: `if (version <= (versions.get(tenantId) ?? 0)) return false;`,
    replace: ``,
  },
];
