/** The Lambda entry behind the queue that S3 tells of dropped files. */
import { createAwsPorts } from '#aws/aws-ports.ts';
import { awsConfigOf, parseEnv } from '#aws/env.ts';
import { dropsEnvSchema } from './env.ts';
import { createDropsHandler } from './handler.ts';

const ports = createAwsPorts(awsConfigOf(parseEnv(dropsEnvSchema, process.env)));

export const handler = createDropsHandler(ports);
