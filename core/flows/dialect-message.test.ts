import { expect, it } from 'vitest';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import { presentRunpodJob } from '../dialects/runpod/job.ts';
import { fullJob, sampleNowMs } from '../samples.ts';
import { dialectMessage } from './dialect-message.ts';

const signed = { webhookKey: 'key', secrets: [], nowMs: sampleNowMs };

it('tells RunPod’s clients what the route of a status answers, without a signature of its own', async () => {
  const ports = await createFlowWorld();
  const job = fullJob({ status: 'succeeded' });

  const { body, headers } = await dialectMessage(ports, job, { dialect: 'runpod' });

  expect(JSON.parse(body)).toEqual(presentRunpodJob(job));
  expect(headers(signed)).toEqual({});
});

it('tells fal’s clients with a signature beside ours, and Replicate’s with ours alone', async () => {
  const ports = await createFlowWorld();
  const job = fullJob({ status: 'canceled' });
  const apiUrl = 'https://api.example';

  const fal = await dialectMessage(ports, job, { dialect: 'fal', apiUrl });
  const replicate = await dialectMessage(ports, job, { dialect: 'replicate', apiUrl });

  expect(JSON.parse(fal.body)).toMatchObject({ request_id: job.jobId });
  expect(Object.keys(fal.headers({ ...signed, secrets: [secret] }))).toContain('x-fal-webhook-signature');
  expect(JSON.parse(replicate.body)).toMatchObject({ id: job.jobId, status: 'canceled' });
  expect(replicate.headers(signed)).toEqual({});
});

const secret = { tenantId: 'tenant-a', endpointId: 'default', version: 1 };
