import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'jobs retry',
  summary: 'Submit a job that failed or expired again, as a new job',
  takes: ['ID'],
  options: {},
  examples: ['pilotlight jobs retry job_01hzy3v6q8k2m4n6p8r0s2t4v6'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('retryJob', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(`job ${body.id} does ${id} once more; pilotlight jobs watch ${body.id}`);
    return exitCodes.ok;
  },
});
