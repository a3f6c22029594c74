/**
 * `z-image-turbo stable=v1:90,v2:10`: requests for `z-image-turbo:stable` go to v1 for nine tenants of ten.
 * `z-image-turbo auto=v1@512,v2`: pictures up to 512 x 512 go to v1, larger ones to v2; weights count among versions of
 * one size. The aliases `fast` and `high` are what `generate --quality` asks for.
 */
import { exitCodes, usageError } from '../cli-error.ts';
import { defineCommand, wholeNumber } from '../command.ts';
import { aliasTable } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'aliases set',
  summary: 'Point an alias at weighted versions of a model',
  takes: ['MODEL', 'NAME=VERSION:WEIGHT@SIZE,...'],
  access: 'admin',
  options: {},
  examples: [
    'pilotlight aliases set z-image-turbo stable=v1:90,v2:10',
    'pilotlight aliases set draw stable=pilotlight-shapes',
    'pilotlight aliases set z-image-turbo high=v1',
    'pilotlight aliases set z-image-turbo auto=v1:100@512,v2:100',
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

/** A version without a weight has weight 1; one without a size takes every size. */
export function readAlias(text: string) {
  const at = text.indexOf('=');
  if (at < 1) throw usageError(`NAME=VERSION:WEIGHT@SIZE,... is expected, not "${text}"`);
  const versions = text
    .slice(at + 1)
    .split(',')
    .map((part) => {
      const [, version, weight, size] = /^([^:@]+)(?::([^:@]*))?(?:@([^:@]*))?$/.exec(part) ?? [];
      if (version === undefined) throw usageError(`VERSION:WEIGHT@SIZE is expected, not "${part}"`);
      return {
        version,
        weight: wholeNumber(`weight of ${version}`, weight) ?? 1,
        ...(size === undefined ? {} : { pixels_max: pixelsOf(part, size) }),
      };
    });
  return { name: text.slice(0, at), versions };
}

/** `512` is 512 x 512. */
function pixelsOf(part: string, size: string): number {
  const [, width, height = width] = /^(\d{1,5})(?:x(\d{1,5}))?$/.exec(size) ?? [];
  if (width === undefined) throw usageError(`a size such as 512 or 1024x768 is expected in "${part}"`);
  return Number(width) * Number(height);
}
