/** The simple form: submit a prompt, ask how it stands. */
import * as z from 'zod';
import { acceptedTaskSchema, generateRequestSchema, taskSchema } from '../dialects/simple/task.ts';
import { idempotencyKeySchema } from './idempotency-key.ts';
import type { Route } from './route.ts';
import { authErrors, jobAnswerHeaders, limitAnswerHeaders, submissionErrors } from './submission-answers.ts';

export const simpleRoutes = {
  generate: {
    id: 'generate',
    method: 'POST',
    path: '/generate',
    summary: 'Submit a prompt',
    tag: 'simple',
    scope: 'jobs:write',
    headers: z.object({
      'idempotency-key': idempotencyKeySchema('the first task'),
    }),
    body: generateRequestSchema,
    answers: {
      202: {
        description: 'Accepted; ask at its address',
        schema: acceptedTaskSchema,
        headers: { ...jobAnswerHeaders, ...limitAnswerHeaders, location: 'Path of the task' },
      },
    },
    errors: submissionErrors,
  },
  getTask: {
    id: 'getTask',
    method: 'GET',
    path: '/status/{task_id}',
    summary: 'Ask how a task stands',
    tag: 'simple',
    scope: 'jobs:read',
    params: z.object({ task_id: z.string() }),
    answers: { 200: { description: 'The task', schema: taskSchema, headers: jobAnswerHeaders } },
    errors: [...authErrors, 'invalid_request', 'not_found'],
  },
} as const satisfies Record<string, Route>;
