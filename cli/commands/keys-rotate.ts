import { exitCodes } from '../cli-error.ts';
import { defineCommand, durationSeconds } from '../command.ts';
import { accessOf, onlyKey, printSecret, tenantOption } from '../key-commands.ts';

export const command = defineCommand({
  name: 'keys rotate',
  summary: 'Replace a key; the old one works until the overlap ends',
  takes: [],
  access: accessOf,
  options: {
    ...tenantOption,
    id: { type: 'string', value: 'ID', help: 'The key (the only active one)' },
    overlap: { type: 'string', value: 'TIME', help: 'How long the old key goes on; 0 ends it now (24h)' },
  },
  examples: [
    'pilotlight keys rotate --tenant companyA --overlap 24h',
    'pilotlight keys rotate --id 01hzy3v6 --overlap 0',
  ],
  async run(session, { tenant, id, overlap }) {
    const { client } = session;
    const body = { overlap_s: durationSeconds('overlap', overlap) };
    const key = id ?? (await onlyKey(session, tenant));
    const answer = await (tenant === undefined
      ? client.call('rotateKey', { params: { id: key }, body })
      : client.call('adminRotateKey', { params: { id: tenant, key }, body }));
    if (session.json) session.printJson(answer.json);
    else printSecret(session, answer.body.key, answer.body.old);
    return exitCodes.ok;
  },
});
