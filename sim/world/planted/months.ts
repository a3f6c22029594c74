/** Planted bugs of closing a month: see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

export const monthMutants: readonly Mutant[] = [
  {
    name: 'month-closed-twice',
    mistake: 'a share is entered once for each close instead of once for each month',
    file: 'sim/memory/memory-ledger.ts',
    find: `return \`#share#\${pool}\`;`,
    replace: `return \`#share#\${pool}#\${Math.random()}\`;`,
  },
  {
    name: 'half-of-the-shares-stated',
    mistake: 'a close that goes on after a crash states only the shares that it wrote itself',
    seed: 250,
    file: 'core/flows/close-month.ts',
    find: `if (written !== undefined) shares.push(written);`,
    replace: `if (written !== undefined) continue;`,
  },
  {
    name: 'stated-while-shares-are-written',
    mistake: 'a pool is stated, and so closed, before its shares are in the ledger',
    seed: 250,
    file: 'core/flows/close-month.ts',
    find: `else if (owed !== undefined) shares.push(await appendShare(ports, account, { month, pool, nowMs, owed }));`,
    replace: `else if (owed !== undefined) shares.push(owed), void appendShare(ports, account, { month, pool, nowMs, owed }).catch(() => null);`,
  },
  {
    name: 'month-closed-too-early',
    mistake: 'a month is closed before it ends, while jobs of it still come',
    file: 'core/flows/close-month.ts',
    find: `const closesAtMs = spanOf(month).toMs + costLimits.closeAfterMs;`,
    replace: `const closesAtMs = spanOf(month).fromMs;`,
  },
  {
    name: 'shares-at-list-price',
    mistake: 'who pays a list price pays for idle time on top',
    file: 'core/flows/month-accounts.ts',
    find: `return pricing === 'at_cost' && gpuMs > 0;`,
    replace: `return gpuMs > 0;`,
  },
  {
    name: 'share-above-the-budget',
    mistake: 'a share does not look at what was paid already',
    file: 'core/flows/month-accounts.ts',
    find: `return Math.max(0, budget - month.paidUsdMicros - shared);`,
    replace: `return Math.max(0, budget - shared);`,
  },
  {
    name: 'silence-is-life',
    mistake: 'a worker that was killed is billed on',
    file: 'core/billing/instance-bill.ts',
    find: `const lastMs = isAlive(worker, nowMs) ? nowMs : worker.reportedAtMs;`,
    replace: `const lastMs = nowMs;`,
  },
  {
    name: 'gift-paid-by-the-others',
    mistake: 'a refund raises the shares of everybody',
    file: 'core/billing/month-shares.ts',
    find: `if (entry.kind === 'refund' || pool === null) return;`,
    replace: `if (pool === null) return;`,
  },
  {
    name: 'refund-outside-the-month',
    mistake: 'a refund belongs to the month in which it is given',
    file: 'core/billing/ledger.ts',
    find: `    kind: 'refund',
    gpuMs: 0,`,
    replace: `    kind: 'refund',
    month: monthOf(nowMs),
    gpuMs: 0,`,
  },
];
