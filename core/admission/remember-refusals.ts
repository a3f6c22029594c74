/**
 * A gate that just refused a tenant refuses the next request too, without asking the store. A tenant that hammers a
 * full gate then costs the store a handful of writes a second and process instead of one each, and on DynamoDB a
 * refused write is charged by the size of the item.
 *
 * The memory lasts {@link gateLimits.refusalRememberedMs}, so a place that was freed is noticed that much later at
 * worst; nothing is ever admitted from memory.
 */
import { isFresh } from '../jumping-clock.ts';
import { gateLimits } from '../limits.ts';
import type { Gates } from '../ports/gates.ts';
import type { Clock } from '../ports/process.ts';
import type { GateView } from './gate.ts';
import { judge } from './gate.ts';

/** Tenants remembered at a time: each holds a view of its gate, some ten kilobytes. */
const tenantsMax = 256;

export function rememberRefusals(gates: Gates, clock: Clock): Gates {
  const remembered = new Map<string, { readonly gate: GateView; readonly sinceMs: number }>();

  return {
    ...gates,
    async admit(tenantId, ask) {
      const nowMs = clock.nowMs();
      const memory = remembered.get(tenantId);
      if (memory !== undefined && isFresh(memory.sinceMs, gateLimits.refusalRememberedMs, nowMs)) {
        const judgement = judge(memory.gate, ask, nowMs);
        if (judgement.kind === 'refuse') {
          return { kind: 'refused', refusal: judgement.refusal, gate: memory.gate };
        }
      }
      const outcome = await gates.admit(tenantId, ask);
      remembered.delete(tenantId);
      if (outcome.kind === 'refused') {
        remembered.set(tenantId, { gate: outcome.gate, sinceMs: clock.nowMs() });
        const oldest = remembered.keys().next();
        if (remembered.size > tenantsMax && oldest.done !== true) remembered.delete(oldest.value);
      }
      return outcome;
    },
  };
}
