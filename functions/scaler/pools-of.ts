/**
 * Which pools an invocation is about. The decision rests on what is stored, never on what an event says, so an event only
 * narrows where to look:
 *
 * - `{pool}`: a job, an order or a warm-up woke that pool;
 * - an instance of ECS joined or changed: the pool that its attribute names;
 * - all else, the minute tick, a task that stopped, a Spot notice: every pool.
 */
import * as z from 'zod';
import { poolAttribute } from '#aws/resources.ts';

const wakeSchema = z.object({ pool: z.string() });

/** "ECS Container Instance State Change" of EventBridge. */
const instanceSchema = z.object({
  source: z.literal('aws.ecs'),
  detail: z.object({ attributes: z.array(z.object({ name: z.string(), value: z.string().optional() })) }),
});

/** Those of `pools`; none for a pool that is not among them. */
export function poolsOf(event: unknown, pools: readonly string[]): readonly string[] {
  const named = poolNamedBy(event);
  return named === null ? pools : pools.filter((pool) => pool === named);
}

function poolNamedBy(event: unknown): string | null {
  const wake = wakeSchema.safeParse(event);
  if (wake.success) return wake.data.pool;
  const instance = instanceSchema.safeParse(event);
  return instance.data?.detail.attributes.find(({ name }) => name === poolAttribute)?.value ?? null;
}
