import { describe, expect, it } from 'vitest';
import type { WebhookDelivery } from '#client/schema.ts';
import { examples } from '#core/api/examples.ts';
import { deliverySchema, newWebhookSchema } from '#core/api/webhook-resource.ts';
import { captureIo } from './captured-io.ts';
import { main } from './main.ts';
import { refusal, startScriptedApi } from './scripted-api.ts';
import { deliveryTable, newWebhookDetails, webhookTable } from './webhook-view.ts';

const webhook = newWebhookSchema.parse(examples['createWebhook 201']);
const { secret: _secret, ...shown } = webhook;
const [sent] = (examples['listDeliveries 200'] as { data: unknown[] }).data;
const delivery = deliverySchema.parse(sent);
const later = '2026-11-21T12:00:00.000Z';

const rowOf = (change: Partial<WebhookDelivery>) =>
  deliveryTable([{ ...delivery, ...change }]).split('\n')[1] ?? '';

describe('the table of deliveries', () => {
  it.each([
    [{}, /delivered \(204\)$/],
    [
      { status: 'failed', reason: 'gone', tries: [{ ...delivery.tries[1], status: 410 }] },
      /given up: gone \(410\)$/,
    ],
    [{ status: 'failed', reason: 'job_gone', tries: [] }, /given up: job_gone$/],
    [{ status: 'pending', tries: [], next_try_at: later }, /not tried yet, next 2026-11-21/],
    [{ status: 'pending', tries: [delivery.tries[0]], next_try_at: later }, /timeout, next 2026-11-21/],
  ])('says what became of one that has %j', (change, text) => {
    expect(rowOf(change as Partial<WebhookDelivery>)).toMatch(text);
  });
});

describe('the table of webhooks', () => {
  it.each([
    [{}, / active /],
    [{ failing_since: later }, / failing since 2026-11-21/],
    [{ disabled: { reason: 'gone', at: later } }, / disabled \(gone\) /],
  ] as const)('says of %j how it is', (change, text) => {
    expect(webhookTable([{ ...shown, ...change }])).toMatch(text);
  });
});

describe('a new secret', () => {
  it('is shown with its public key and with what becomes of the old one', () => {
    const signing = [...webhook.signing, { public_key: 'whpk_old', ends_at: later }];

    const text = newWebhookDetails({ ...webhook, signing });

    expect(text).toMatch(/^secret +whsec_/m);
    expect(text).toMatch(/^public key +whpk_11/m);
    expect(text).toMatch(/^old secret +signs too until 2026-11-21/m);
    expect(text).not.toContain('whpk_old');
  });
});

describe('the commands', () => {
  async function run(answer: { status: number; body: unknown }, ...args: readonly string[]) {
    await using api = await startScriptedApi(() => answer);
    const io = captureIo({ env: { PILOTLIGHT_URL: api.url, PILOTLIGHT_API_KEY: 'key' } });
    const code = await main(args, io);
    return { code, stdout: io.stdout(), stderr: io.stderr(), requests: api.requests };
  }
  const { id } = webhook;
  const list = (data: unknown[]) => ({ status: 200, body: { object: 'list', data, next_cursor: null } });

  it('send what was typed and say to keep the secret', async () => {
    const args = ['webhooks', 'add', webhook.url ?? '', '--event', 'job.failed', '--event', 'job.expired'];

    const { code, stdout, stderr, requests } = await run({ status: 201, body: webhook }, ...args);

    expect(code).toBe(0);
    expect(stdout).toContain(webhook.secret);
    expect(stderr).toContain('keep the secret now');
    expect(requests).toMatchObject([
      {
        method: 'POST',
        path: '/v1/webhooks',
        body: { url: webhook.url, events: ['job.failed', 'job.expired'] },
      },
    ]);
  });

  it.each([
    [
      ['rotate', id, '--overlap', '1h'],
      { status: 200, body: webhook },
      `POST /v1/webhooks/${id}/rotate`,
      'whsec_',
    ],
    [['list'], list([shown]), 'GET /v1/webhooks', 'https://hooks.example/jobs'],
    [['deliveries', id], list([delivery]), `GET /v1/webhooks/${id}/deliveries`, delivery.id],
    [
      ['remove', id],
      { status: 200, body: { id, object: 'webhook', deleted: true } },
      `DELETE /v1/webhooks/${id}`,
      'is deleted',
    ],
    [['test', id], { status: 202, body: delivery }, `POST /v1/webhooks/${id}/test`, 'on its way'],
    [
      ['replay', id, delivery.id],
      { status: 202, body: delivery },
      `POST /v1/webhooks/${id}/deliveries/${delivery.id}/replay`,
      'on its way again',
    ],
  ] as const)('ask and print: %j', async (args, answer, request, text) => {
    const { code, stdout, requests } = await run(answer, 'webhooks', ...args);

    expect(code).toBe(0);
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([request]);
    expect(stdout).toContain(text);
  });

  it('say which field and which rule an address was refused by', async () => {
    const details = [{ path: 'url', message: 'the scheme is not allowed: http', code: 'scheme' }];
    const refused = refusal('invalid_request', { details });

    const { code, stderr } = await run(refused, 'webhooks', 'add', 'http://hooks.example/');

    expect(code).toBe(3);
    expect(stderr).toContain('url: the scheme is not allowed: http');
  });
});
