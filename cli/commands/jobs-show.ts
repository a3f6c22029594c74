import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { readJob } from '../follow-job.ts';
import { jobDetails } from '../job-view.ts';

export const command = defineCommand({
  name: 'jobs show',
  summary: 'Show a job',
  takes: ['ID'],
  options: {},
  examples: ['pilotlight jobs show job_01hzy3v6q8k2m4n6p8r0s2t4v6'],
  async run(session, _values, [id = '']) {
    const { job, json } = await readJob(session, id);
    if (session.json) session.printJson(json);
    else session.print(jobDetails(job, session.nowMs()));
    return exitCodes.ok;
  },
});
