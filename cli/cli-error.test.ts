import { expect, it } from 'vitest';
import { CliError, exitCodes } from './cli-error.ts';

it('describes every detail on a line of its own, with the place in a text where there is one', () => {
  const error = new CliError('The prompt is not valid NewBie XML.', {
    exitCode: exitCodes.refused,
    code: 'invalid_prompt_xml',
    requestId: 'req_1',
    details: [
      { path: 'input.prompt.mood', message: 'there is no <mood> at the top', line: 2, column: 7 },
      { path: 'input.prompt', message: 'another', line: 3 },
      { path: 'input.steps', message: 'must be a whole number' },
    ],
  });

  expect(error.describe().split('\n')).toEqual([
    'The prompt is not valid NewBie XML.',
    '  input.prompt.mood: there is no <mood> at the top (line 2, column 7)',
    '  input.prompt: another (line 3)',
    '  input.steps: must be a whole number',
    '  (invalid_prompt_xml, request req_1)',
  ]);
});
