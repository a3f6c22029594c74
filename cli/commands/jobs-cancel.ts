import type { Job } from '#client/schema.ts';
import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'jobs cancel',
  summary: 'Cancel a job; harmless when it has ended',
  takes: ['ID'],
  options: {},
  examples: ['pilotlight jobs cancel job_01hzy3v6q8k2m4n6p8r0s2t4v6'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('cancelJob', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(`job ${body.id} ${outcomeTexts[body.status]}`);
    return exitCodes.ok;
  },
});

/** A job that runs is only marked; its worker ends it. */
const outcomeTexts: Readonly<Record<Job['status'], string>> = {
  queued: 'is about to be canceled',
  running: 'ends at its next step',
  canceled: 'is canceled',
  succeeded: 'had succeeded before',
  failed: 'had failed before',
  expired: 'had expired before',
};
