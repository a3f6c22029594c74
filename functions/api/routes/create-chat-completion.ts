import * as chat from '#core/dialects/openai/chat.ts';
import { answerText } from '../dialects/openai/answer-text.ts';
import type { RouteHandler } from '../route-handler.ts';

export const createChatCompletion: RouteHandler<'createChatCompletion'> = (deps, call) =>
  answerText(deps, call, chat.toSubmission(call.body), {
    answer: chat.toAnswer,
    chunks: ({ includeUsage }) => ({
      opening: (job) => chat.toChunk(job, { delta: { role: 'assistant', content: '' } }, includeUsage),
      text: (job, content) => chat.toChunk(job, { delta: { content } }, includeUsage),
      closing: (job) => [
        chat.toChunk(job, { delta: {}, finishReason: chat.finishReasonOf(job) }, includeUsage),
        ...(includeUsage ? [chat.toUsageChunk(job)] : []),
      ],
    }),
  });
