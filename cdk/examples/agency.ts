/** An agency with clients of its own: pictures and chats, each with one instance that starts quickly, behind a web ACL. */
import { defineConfig } from '../config.ts';

export const config = defineConfig({
  name: 'agency',
  region: 'eu-central-1',
  pools: {
    'z-image': {
      instanceType: 'g6e.xlarge',
      models: ['z-image-turbo'],
      workersMax: 4,
      warmInstances: 1,
      idleMinutes: 10,
      diskGb: 150,
    },
    'qwen-vl': {
      instanceType: 'g6e.xlarge',
      models: ['qwen3-vl-8b'],
      workersMax: 2,
      warmInstances: 1,
    },
  },
  plans: {
    client: {
      limits: { weight: 4, requests_per_minute: 120, open_jobs_max: 50, images_per_request_max: 4 },
      models: ['z-image-turbo', 'qwen3-vl-8b'],
    },
    trial: {
      limits: { weight: 1, requests_per_minute: 5, open_jobs_max: 2, pixels_max: 589_824 },
      models: ['z-image-turbo'],
    },
  },
  api: { requestsPerSecond: 200, requestsBurst: 400 },
  domain: {
    name: 'api.agency.example',
    certificateArn: 'arn:aws:acm:eu-central-1:111122223333:certificate/11111111-2222-3333-4444-555555555555',
    hostedZone: { id: 'Z0123456789EXAMPLE', name: 'agency.example' },
  },
  waf: { requestsPerAddress: 5_000 },
  alarms: { email: 'alarms@agency.example' },
  budget: { usdPerMonth: 1_500 },
  kms: 'create',
});
