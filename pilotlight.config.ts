/**
 * The deployment. Everything but `region` and `pools` may be left out; `cdk/config.ts` says what else there is and what counts
 * then, `cdk/examples/` has three that are whole, and docs/deploying.md leads through the first one. No secret belongs here.
 */
import { defineConfig } from './cdk/config.ts';

export const config = defineConfig({
  region: 'us-east-1',

  // A pool: one type of GPU instance and the models that it serves. It costs nothing while nobody asks.
  pools: {
    // The name that the models' manifests say.
    demo: {
      instanceType: 'g4dn.xlarge',
      models: ['pilotlight-shapes'],
      // The bound on what demand can cost: so many cards at once, and no more.
      workersMax: 2,
      // Kept up without work; each costs the price of its card all month.
      // workersMin: 1,
      // Stopped instances with image and weights on their disks: they start in a minute or two, and cost their disks.
      // warmInstances: 1,
      // Of a hundred further workers, so many on Spot.
      // spotPercent: 50,
      // idleMinutes: 5,
    },
  },

  // Where alarms and the budget's warnings go.
  // alarms: { email: 'you@example.com' },
  // budget: { usdPerMonth: 100 },

  // Of a hundred requests, so many are traced by X-Ray.
  // traces: { sampledPercent: 5 },

  // A name of your own; the certificate must be of this region.
  // domain: {
  //   name: 'api.example.com',
  //   certificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/…',
  //   hostedZone: { id: 'Z…', name: 'example.com' },
  // },

  // $7 a month.
  // waf: {},

  // Tokens of your issuer beside keys: the claim names the tenant.
  // oidc: { issuer: 'https://login.example.com' },

  // Plans beside free, pro and vip.
  // plans: { studio: { limits: { weight: 8, open_jobs_max: 200 }, models: ['pilotlight-shapes'] } },

  // 'create' makes a key for tenants whose volume is encrypted: $1 a month.
  // kms: 'create',

  // 'delete' takes tables and files away with their stack.
  // onDestroy: 'keep',
});
