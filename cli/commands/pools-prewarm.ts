import { exitCodes, usageError } from '../cli-error.ts';
import { defineCommand, durationSeconds, wholeNumber } from '../command.ts';
import { poolDetails } from '../operations-view.ts';

export const command = defineCommand({
  name: 'pools prewarm',
  summary: 'Keep workers up for a time, work or not',
  takes: ['POOL'],
  access: 'admin',
  options: {
    workers: { type: 'string', value: 'N', help: 'Workers to keep up; 0 ends a prewarm' },
    for: { type: 'string', value: 'TIME', help: 'How long, such as 30m (15m)' },
  },
  examples: [
    'pilotlight pools prewarm demo --workers 2 --for 30m',
    'pilotlight pools prewarm demo --workers 0',
  ],
  async run(session, values, [pool = '']) {
    const workers = wholeNumber('workers', values.workers);
    if (workers === undefined) throw usageError('--workers is missing');
    const { body, json } = await session.client.call('adminPrewarmPool', {
      params: { pool },
      body: { workers, for_s: durationSeconds('for', values.for) },
    });
    if (session.json) session.printJson(json);
    else session.print(poolDetails(body));
    const granted = body.prewarm?.workers ?? 0;
    if (granted < workers) session.note(`asked for ${workers}: the pool's upper bound is ${granted}`);
    return exitCodes.ok;
  },
});
