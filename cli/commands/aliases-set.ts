/** `z-image-turbo stable=v1:90,v2:10`: requests for `z-image-turbo:stable` go to v1 for nine tenants of ten. */
import { exitCodes, usageError } from '../cli-error.ts';
import { defineCommand, wholeNumber } from '../command.ts';
import { aliasTable } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'aliases set',
  summary: 'Point an alias at weighted versions of a model',
  takes: ['MODEL', 'NAME=VERSION:WEIGHT,...'],
  access: 'admin',
  options: {},
  examples: [
    'pilotlight aliases set z-image-turbo stable=v1:90,v2:10',
    'pilotlight aliases set draw stable=pilotlight-shapes',
  ],
  async run(session, _values, [family = '', text = '']) {
    const { name, versions } = readAlias(text);
    const { body, json } = await session.client.call('adminPutAlias', {
      params: { family, name },
      body: { versions },
    });
    if (session.json) session.printJson(json);
    else session.print(aliasTable([body]));
    return exitCodes.ok;
  },
});

/** A version without a weight has weight 1. */
export function readAlias(text: string) {
  const at = text.indexOf('=');
  if (at < 1) throw usageError(`NAME=VERSION:WEIGHT,... is expected, not "${text}"`);
  const versions = text
    .slice(at + 1)
    .split(',')
    .map((part) => {
      const [version = '', weight = '1', ...rest] = part.split(':');
      if (version === '' || rest.length > 0) throw usageError(`VERSION:WEIGHT is expected, not "${part}"`);
      return { version, weight: wholeNumber(`weight of ${version}`, weight) ?? 1 };
    });
  return { name: text.slice(0, at), versions };
}
