/** One pool, nothing kept up: about nothing a month while nobody asks. */
import { defineConfig } from '../config.ts';

export const config = defineConfig({
  region: 'us-east-1',
  pools: {
    demo: { instanceType: 'g4dn.xlarge', models: ['pilotlight-shapes'], workersMax: 1 },
  },
});
