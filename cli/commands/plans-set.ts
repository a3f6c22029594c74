import { exitCodes } from '../cli-error.ts';
import type { AskOf } from '../client.ts';
import { defineCommand } from '../command.ts';
import { limitOptions, limitsOf } from '../tenancy-input.ts';
import { planTable } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'plans set',
  summary: 'Store a plan of your own, whole',
  takes: ['NAME'],
  access: 'admin',
  options: limitOptions,
  examples: ['pilotlight plans set studio --weight 8 --rpm-limit 60 --set open_jobs_max=50'],
  async run(session, values, [name = '']) {
    const { body, json } = await session.client.call('adminPutPlan', {
      params: { name },
      // The API knows the names of the limits and refuses others.
      body: limitsOf(values) as AskOf<'adminPutPlan'>['body'],
    });
    if (session.json) session.printJson(json);
    else session.print(planTable([body]));
    return exitCodes.ok;
  },
});
