/** Many cheap cards for work that can wait: on Spot but for one worker in ten, tenants pay at cost. */
import { defineConfig } from '../config.ts';

export const config = defineConfig({
  name: 'farm',
  region: 'us-west-2',
  pools: {
    newbie: {
      instanceType: 'g5.2xlarge',
      models: ['newbie-image'],
      workersMax: 40,
      spotPercent: 90,
      idleMinutes: 2,
    },
    demo: {
      instanceType: 'g4dn.xlarge',
      models: ['pilotlight-shapes'],
      workersPerCard: 2,
      workersMax: 10,
      spotPercent: 100,
    },
  },
  pricing: 'at_cost',
  budget: { usdPerMonth: 4_000, alertPercents: [25, 50, 75, 90, 100] },
  alarms: { email: 'farm@example.com' },
  onDestroy: 'delete',
});
