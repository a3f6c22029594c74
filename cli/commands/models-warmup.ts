import { exitCodes, usageError } from '../cli-error.ts';
import { defineCommand, durationSeconds } from '../command.ts';
import { warmupDetails } from '../model-view.ts';

export const command = defineCommand({
  name: 'models warmup',
  summary: 'Have a worker kept up ahead of work, at the price of its time',
  takes: ['ID'],
  options: {
    for: { type: 'string', value: 'TIME', help: 'How long from now, such as 10m (15m)' },
    'idempotency-key': { type: 'string', value: 'KEY', help: 'The same key never pays twice' },
  },
  examples: [
    'pilotlight models warmup z-image-turbo --for 10m',
    'pilotlight models warmup z-image-turbo:stable --for 2h --idempotency-key launch-day',
  ],
  async run(session, values, [id = '']) {
    const key = values['idempotency-key'];
    if (key === '') throw usageError('--idempotency-key must not be empty');
    const { body, json } = await session.client.call('warmUpModel', {
      params: { id },
      body: { for_s: durationSeconds('for', values.for) },
      ...(key === undefined ? {} : { headers: { 'Idempotency-Key': key } }),
    });
    if (session.json) session.printJson(json);
    else session.print(warmupDetails(body));
    return exitCodes.ok;
  },
});
