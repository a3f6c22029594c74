/**
 * Planted bugs: one change each to the product's own source, made as it is loaded. A simulator that finds nothing says
 * something only if it finds these.
 */
import { adapterMutants } from './adapters.ts';
import { admissionMutants } from './admission.ts';
import { moneyMutants } from './money.ts';
import { monthMutants } from './months.ts';
import type { Mutant } from './mutant.ts';
import { retryMutants } from './retries.ts';
import { runsMutants } from './runs.ts';
import { upkeepMutants } from './upkeep.ts';
import { warmupsMutants } from './warmups.ts';
import { webhookMutants } from './webhooks.ts';

export const mutants: readonly Mutant[] = [
  ...moneyMutants,
  ...runsMutants,
  ...upkeepMutants,
  ...admissionMutants,
  ...warmupsMutants,
  ...monthMutants,
  ...webhookMutants,
  ...adapterMutants,
  ...retryMutants,
];

export function mutantOf(name: string): Mutant {
  const mutant = mutants.find((each) => each.name === name);
  if (mutant === undefined) throw new Error(`no mutant ${name}; --mutant list names them`);
  return mutant;
}
