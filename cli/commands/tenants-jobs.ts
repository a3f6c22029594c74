import { exitCodes } from '../cli-error.ts';
import { defineCommand, oneOf, wholeNumber } from '../command.ts';
import { jobTable } from '../job-view.ts';
import { statuses } from './jobs-list.ts';

export const command = defineCommand({
  name: 'tenants jobs',
  summary: "List a tenant's jobs, newest first",
  takes: ['ID'],
  access: 'admin',
  options: {
    status: { type: 'string', value: 'STATUS', help: statuses.join(', ') },
    model: { type: 'string', value: 'ID', help: 'Jobs of this model' },
    limit: { type: 'string', value: 'N', help: 'Jobs on a page (20)' },
    cursor: { type: 'string', value: 'CURSOR', help: 'Where the page before ended' },
  },
  examples: ['pilotlight tenants jobs companyA', 'pilotlight tenants jobs companyA --status failed'],
  async run(session, values, [id = '']) {
    const { body, json } = await session.client.call('adminListJobs', {
      params: { id },
      query: {
        status: oneOf('status', statuses, values.status),
        model: values.model,
        limit: wholeNumber('limit', values.limit),
        cursor: values.cursor,
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
