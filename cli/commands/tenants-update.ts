import { exitCodes, usageError } from '../cli-error.ts';
import type { AskOf } from '../client.ts';
import { defineCommand } from '../command.ts';
import { limitOptions, limitsOf } from '../tenancy-input.ts';
import { tenantDetails } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'tenants update',
  summary: "Change a tenant's plan or single limits",
  takes: ['ID'],
  access: 'admin',
  options: {
    plan: { type: 'string', value: 'PLAN', help: 'The plan to move to' },
    ...limitOptions,
  },
  examples: [
    'pilotlight tenants update companyA --plan vip --rpm-limit none',
    'pilotlight tenants update companyC --set open_jobs_max=15',
    'pilotlight tenants update companyC --set class_default=batch',
  ],
  async run(session, values, [id = '']) {
    const change = { ...(values.plan === undefined ? {} : { plan: values.plan }), ...limitsOf(values) };
    if (Object.keys(change).length === 0) throw usageError('nothing to change: pass --plan or a limit');
    const { body, json } = await session.client.call('adminUpdateTenant', {
      params: { id },
      // The API knows the names of the limits and refuses others.
      body: change as AskOf<'adminUpdateTenant'>['body'],
    });
    if (session.json) session.printJson(json);
    else session.print(tenantDetails(body));
    return exitCodes.ok;
  },
});
