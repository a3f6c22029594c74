import { exitCodes } from '../cli-error.ts';
import type { AskOf } from '../client.ts';
import { defineCommand, wholeNumber } from '../command.ts';
import { printSecret } from '../key-commands.ts';
import { limitOptions, limitsOf, modelsOf } from '../tenancy-input.ts';
import { tenantDetails } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'tenants add',
  summary: 'Add a tenant and its first key',
  takes: ['ID'],
  access: 'admin',
  options: {
    plan: { type: 'string', value: 'PLAN', help: 'free, pro, vip or a plan of yours (free)' },
    ...limitOptions,
    models: { type: 'string', value: 'IDS', help: 'Models it may use, with commas, or all (all)' },
    port: { type: 'string', value: 'N', help: 'A port for this tenant alone; local stacks only' },
  },
  examples: [
    'pilotlight tenants add companyA --plan pro --rpm-limit 30',
    'pilotlight tenants add companyB --set open_jobs_max=3 --models pilotlight-shapes --port 30001',
  ],
  async run(session, values, [id = '']) {
    const ask = {
      id,
      plan: values.plan,
      ...limitsOf(values),
      models: values.models === undefined ? undefined : modelsOf(values.models),
      port: wholeNumber('port', values.port),
    };
    const { body, json } = await session.client.call('adminCreateTenant', {
      // The API knows the names of the limits and refuses others.
      body: ask as AskOf<'adminCreateTenant'>['body'],
    });
    if (session.json) session.printJson(json);
    else {
      session.print(`${tenantDetails(body.tenant)}\n`);
      printSecret(session, body.key);
    }
    return exitCodes.ok;
  },
});
