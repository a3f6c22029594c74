import type { Job } from '#client/schema.ts';
import { exitCodes } from '../cli-error.ts';
import { defineCommand, oneOf, pairs, wholeNumber } from '../command.ts';
import { jobTable } from '../job-view.ts';

const options = {
  status: {
    type: 'string',
    value: 'STATUS',
    help: 'queued, running, succeeded, failed, canceled or expired',
  },
  model: { type: 'string', value: 'ID', help: 'Jobs of this model' },
  class: { type: 'string', value: 'CLASS', help: 'interactive or batch' },
  meta: { type: 'string', multiple: true, value: 'KEY=VALUE', help: 'Jobs with this label; repeatable' },
  flag: { type: 'string', value: 'RULE', help: 'Jobs whose prompt this rule noticed, such as jailbreak' },
  limit: { type: 'string', value: 'N', help: 'Jobs on a page (20)' },
  cursor: { type: 'string', value: 'CURSOR', help: 'Where the page before ended' },
} as const;

export const statuses: readonly Job['status'][] = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'canceled',
  'expired',
];

export const command = defineCommand({
  name: 'jobs list',
  summary: 'List jobs, newest first',
  takes: [],
  options,
  examples: [
    'pilotlight jobs list',
    'pilotlight jobs list --status failed --limit 50',
    'pilotlight jobs list --meta campaign=spring --json',
  ],
  async run(session, values) {
    const labels = Object.entries(pairs('meta', values.meta));
    const { body, json } = await session.client.call('listJobs', {
      query: {
        status: oneOf('status', statuses, values.status),
        model: values.model,
        class: oneOf('class', ['interactive', 'batch'], values.class),
        flag: values.flag,
        limit: wholeNumber('limit', values.limit),
        cursor: values.cursor,
        ...Object.fromEntries(labels.map(([key, value]) => [`metadata.${key}`, value])),
      },
    });
    if (session.json) {
      session.printJson(json);
      return exitCodes.ok;
    }
    if (body.data.length === 0) session.note('no jobs');
    else session.print(jobTable(body.data));
    if (body.next_cursor !== null) session.note(`more: --cursor ${body.next_cursor}`);
    return exitCodes.ok;
  },
});
