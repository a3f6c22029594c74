/** The smallest deployment, as an emulator can have it: nothing is built for it by Docker, and nothing is kept when it goes. */
import { defineConfig } from '../../cdk/config.ts';
import { config as smallest } from '../../cdk/examples/smallest.ts';

/** Never pulled: the emulator runs no container. */
const image = `public.ecr.aws/pilotlight/worker@sha256:${'0'.repeat(64)}`;
const pools = Object.entries(smallest.pools).map(([name, pool]) => [name, { ...pool, image }] as const);

export const config = defineConfig({
  ...smallest,
  pools: Object.fromEntries(pools),
  onDestroy: 'delete',
});
