import { exitCodes } from '../cli-error.ts';
import { defineCommand, durationSeconds } from '../command.ts';

export const command = defineCommand({
  name: 'jobs logs',
  summary: 'Show what was logged of a job, on a laptop or in an AWS account',
  takes: ['ID'],
  canDoWithout: true,
  options: {
    data: { type: 'string', value: 'DIR', help: 'Data of a local stack (.pilotlight, here or above)' },
    config: {
      type: 'string',
      value: 'FILE',
      help: 'Config of a deployment on AWS (pilotlight.config.ts, where no local stack is)',
    },
    since: {
      type: 'string',
      value: 'TIME',
      help: 'How far back to look, such as 90m or 7d (AWS: 24h; a laptop: all there is)',
    },
  },
  examples: [
    'pilotlight jobs logs job_01hzy3v6q8k2m4n6p8r0s2t4v6',
    'pilotlight jobs logs job_01hzy3v6q8k2m4n6p8r0s2t4v6 --config pilotlight.config.ts --since 7d',
    'pilotlight jobs logs job_01hzy3v6q8k2m4n6p8r0s2t4v6 --json',
  ],
  async run(session, { data, config, since }, [id = '']) {
    const sinceSeconds = durationSeconds('since', since);
    const [{ readJobLog }, { jobLinesAnswer, jobLineText }] = await Promise.all([
      import('../job-log.ts'),
      import('../job-lines-view.ts'),
    ]);
    const lines = await readJobLog(session, id, { data, config, sinceSeconds });
    if (session.json) session.printJson(jobLinesAnswer(lines));
    else for (const line of lines) session.print(jobLineText(line));
    return exitCodes.ok;
  },
});
