import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { accessOf, tenantOption } from '../key-commands.ts';

export const command = defineCommand({
  name: 'keys revoke',
  summary: 'End a key for good; refused everywhere within a minute',
  takes: ['ID'],
  access: accessOf,
  options: tenantOption,
  examples: ['pilotlight keys revoke 01hzy3v6', 'pilotlight keys revoke 01hzy3v6 --tenant companyA'],
  async run(session, { tenant }, [id = '']) {
    const { client } = session;
    const { body, json } = await (tenant === undefined
      ? client.call('revokeKey', { params: { id } })
      : client.call('adminRevokeKey', { params: { id: tenant, key: id } }));
    if (session.json) session.printJson(json);
    else session.print(`key ${body.id} is ${body.status}`);
    return exitCodes.ok;
  },
});
