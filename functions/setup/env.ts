/** The environment of the function that readies a new deployment. CDK must set exactly this. */
import * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';

const parameterSchema = z.string().startsWith('/', 'must be the name of a parameter');

export const setupEnvSchema = awsEnvSchema.extend({
  /** Names of parameters of SSM; what is not there yet is made. */
  PILOTLIGHT_KEY_PEPPER_PARAMETER: parameterSchema,
  PILOTLIGHT_WEBHOOK_KEY_PARAMETER: parameterSchema,
  /** Where the operator finds the first key. */
  PILOTLIGHT_OPERATOR_KEY_PARAMETER: parameterSchema,
});

/** What the construct must provide. */
export type SetupEnv = z.input<typeof setupEnvSchema>;
