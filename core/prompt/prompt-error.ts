/** What refused a prompt, as an error. It names rules, numbers and positions, never the prompt. */
import { AppError } from '../errors.ts';
import type { PromptJudgement } from './policy.ts';
import type { PromptRefusal } from './read-prompt.ts';

const param = 'input.prompt';

export function promptError(
  refusal: PromptRefusal | Extract<PromptJudgement, { kind: 'prompt_rejected' }>,
): AppError {
  switch (refusal.kind) {
    case 'invalid_prompt_xml':
      return new AppError('invalid_prompt_xml', { param, details: refusal.details });
    case 'prompt_too_long': {
      const { counted, allowed } = refusal;
      const message = `has ${counted} tokens, ${allowed} are allowed`;
      return new AppError('prompt_too_long', {
        publicMessage: `The prompt ${message}. It is never cut: shorten it.`,
        details: [{ path: param, message, counted, allowed }],
      });
    }
    case 'prompt_rejected': {
      const { rules } = refusal;
      return new AppError('prompt_rejected', {
        publicMessage: `The tenant's prompt policy refuses this prompt: ${rules.join(', ')}.`,
        details: rules.map((code) => ({ path: param, message: `is refused by the rule ${code}`, code })),
      });
    }
  }
}
