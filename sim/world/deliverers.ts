/** The processes that send webhooks: each looks every few seconds, and starts with nothing in mind when it is new. */
import type { Deliverer } from '#core/flows/deliver.ts';
import { createDeliverer } from '#core/flows/deliver.ts';
import type { Process } from './process.ts';
import { webhookKey } from './webhooks.ts';
import type { Ground, Running } from './world.ts';

const lookEveryMs = 8_000;

export function startDeliverers(ground: Ground, places: readonly (() => Running)[]): void {
  for (const place of places) startDeliverer(ground, place);
}

function startDeliverer({ loop, random, log, lookPace }: Ground, place: () => Running): void {
  const deliverers = new WeakMap<Process, Deliverer>();

  function delivererOf({ process, ports }: Running): Deliverer {
    const running = deliverers.get(process);
    if (running !== undefined) return running;
    const { clock } = process;
    const deliverer = createDeliverer({ ...ports, clock, log, webhookKey, chance: random });
    deliverers.set(process, deliverer);
    return deliverer;
  }

  function repeat(): void {
    loop.after(lookEveryMs * lookPace() * (0.9 + 0.2 * random()), () => {
      const running = place();
      void running.process.serve(() => delivererOf(running).look());
      repeat();
    });
  }

  repeat();
}
