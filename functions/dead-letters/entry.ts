/** The Lambda entry behind every pool's dead-letter queue. */
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { parseEnv } from '#aws/env.ts';
import { deadLettersEnvSchema } from './env.ts';
import { createDeadLettersHandler } from './handler.ts';

const ports = createPortsOfProcess(parseEnv(deadLettersEnvSchema, process.env));

export const handler = createDeadLettersHandler(ports);
