/** The Lambda entry behind every pool's dead-letter queue. */
import { createAwsPorts } from '#aws/aws-ports.ts';
import { awsConfigOf, parseEnv } from '#aws/env.ts';
import { deadLettersEnvSchema } from './env.ts';
import { createDeadLettersHandler } from './handler.ts';

const ports = createAwsPorts(awsConfigOf(parseEnv(deadLettersEnvSchema, process.env)));

export const handler = createDeadLettersHandler(ports);
