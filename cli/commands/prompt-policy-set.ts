/** Reads the policy first: the API takes it whole, and what no option names stays. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exitCodes, usageError } from '../cli-error.ts';
import { defineCommand, oneOf, wholeNumber } from '../command.ts';
import type { Session } from '../session.ts';
import { promptPolicyDetails } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'prompt-policy set',
  summary: "Change a tenant's prompt policy",
  takes: ['TENANT'],
  access: 'admin',
  options: {
    mode: { type: 'string', value: 'MODE', help: 'off, flag or block; plan: as the plan has it' },
    'terms-file': {
      type: 'string',
      value: 'FILE',
      help: 'Words and phrases, one a line; # begins a comment',
    },
    'tokens-max': { type: 'string', value: 'N', help: 'Tokens of one prompt; none: as the plan has it' },
  },
  examples: [
    'pilotlight prompt-policy set companyA --mode block --terms-file terms.txt',
    'pilotlight prompt-policy set companyA --mode flag --tokens-max 40',
    'pilotlight prompt-policy set companyA --mode plan',
  ],
  async run(session, values, [id = '']) {
    const mode = oneOf('mode', ['off', 'flag', 'block', 'plan'], values.mode);
    const tokensMax = values['tokens-max'];
    const file = values['terms-file'];
    if (mode === undefined && tokensMax === undefined && file === undefined) {
      throw usageError('nothing to change: pass --mode, --terms-file or --tokens-max');
    }
    const tokens = tokensMax === 'none' ? null : wholeNumber('tokens-max', tokensMax);
    const terms = file === undefined ? undefined : termsOf(await readTerms(session, file));

    const { body: now } = await session.client.call('adminGetPromptPolicy', { params: { id } });
    const kept = {
      mode: now.inherited.includes('mode') ? null : now.mode,
      tokens_max: now.inherited.includes('tokens_max') ? null : now.tokens_max,
    };
    const { body, json } = await session.client.call('adminPutPromptPolicy', {
      params: { id },
      body: {
        mode: mode === undefined ? kept.mode : mode === 'plan' ? null : mode,
        tokens_max: tokens === undefined ? kept.tokens_max : tokens,
        terms: terms ?? now.terms,
      },
    });
    if (session.json) session.printJson(json);
    else session.print(promptPolicyDetails(body));
    return exitCodes.ok;
  },
});

async function readTerms({ cwd }: Session, file: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, file), 'utf8');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw usageError(`--terms-file ${file} cannot be read: ${String(error.code)}`);
  }
}

/** One term a line; blank lines and what follows a `#` are left out. */
export function termsOf(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/#.*$/, '').trim());
  return lines.filter((line) => line !== '');
}
