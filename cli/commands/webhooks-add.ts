import { exitCodes } from '../cli-error.ts';
import type { AskOf } from '../client.ts';
import { defineCommand } from '../command.ts';
import { newWebhookDetails } from '../webhook-view.ts';

export const command = defineCommand({
  name: 'webhooks add',
  summary: 'Be told of jobs at an address of yours',
  takes: ['URL'],
  options: {
    event: {
      type: 'string',
      multiple: true,
      value: 'EVENT',
      help: 'Such as job.succeeded; repeatable (the four ends of a job)',
    },
  },
  examples: [
    'pilotlight webhooks add https://hooks.example.com/jobs',
    'pilotlight webhooks add https://hooks.example.com/jobs --event job.running --event job.succeeded',
  ],
  async run(session, { event }, [url = '']) {
    const ask = { url, ...(event.length === 0 ? {} : { events: event }) };
    // The API knows the events and refuses others.
    const { body, json } = await session.client.call('createWebhook', {
      body: ask as AskOf<'createWebhook'>['body'],
    });
    if (session.json) session.printJson(json);
    else session.print(newWebhookDetails(body));
    session.note('keep the secret now: it is shown this once');
    return exitCodes.ok;
  },
});
