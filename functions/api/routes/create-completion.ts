import { finishReasonOf } from '#core/dialects/openai/chat.ts';
import * as completions from '#core/dialects/openai/completions.ts';
import { namedModel } from '../dialects/named-model.ts';
import { answerText } from '../dialects/openai/answer-text.ts';
import type { RouteHandler } from '../route-handler.ts';

export const createCompletion: RouteHandler<'createCompletion'> = (deps, call) =>
  answerText(
    deps,
    call,
    completions.toSubmission({
      ...call.body,
      model: namedModel(deps, call.caller, call.body.model, 'chat'),
    }),
    {
      answer: completions.toAnswer,
      chunks: ({ includeUsage }) => ({
        opening: () => null,
        text: (job, text) => completions.toChunk(job, { text }, includeUsage),
        closing: (job) => [
          completions.toChunk(job, { text: '', finishReason: finishReasonOf(job) }, includeUsage),
          ...(includeUsage ? [completions.toUsageChunk(job)] : []),
        ],
      }),
    },
  );
