/**
 * Lines in OpenAI's words: its chats and completions, answered in one piece. Pictures are asked for by native lines: the bytes
 * of OpenAI's answer would not fit the memory that a batch is worked at in, and links end before anybody reads the file.
 */
import { answerTextOf } from '../chat/answer-text.ts';
import * as chat from '../dialects/openai/chat.ts';
import * as completions from '../dialects/openai/completions.ts';
import type { Translated } from '../dialects/submission.ts';
import type { JobRecord } from '../job/job.ts';
import type { LineRoute } from './line-route.ts';

export const chatLine = textLine(chat.toSubmission, chat.toAnswer);
export const completionLine = textLine(completions.toSubmission, completions.toAnswer);

function textLine(
  translate: (body: unknown) => Translated,
  toAnswer: (job: JobRecord, text: string) => unknown,
): LineRoute {
  return {
    toSubmission(body) {
      const translated = translate(body);
      if (translated.kind === 'invalid') return translated;
      const { model, quality, input, metadata, stream } = translated;
      if (stream)
        return { kind: 'invalid', details: [{ path: 'stream', message: 'lines are answered in one piece' }] };
      const line = { adapters: [], deadlineSeconds: null, cache: null };
      return { kind: 'submission', submission: { ...line, model, quality, input, metadata } };
    },
    async toBody(job, read) {
      const text = await answerTextOf(job, read);
      return text === null ? null : toAnswer(job, text);
    },
  };
}
