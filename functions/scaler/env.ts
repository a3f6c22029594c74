/** The environment of the scaler function. CDK must set exactly this. */
import type * as z from 'zod';
import { awsEnvSchema } from '#aws/env.ts';
import { fleetEnvSchema } from '#aws/fleet-env.ts';
import { modelsEnvSchema } from '../models-env.ts';

export const scalerEnvSchema = awsEnvSchema.extend(fleetEnvSchema.shape).extend(modelsEnvSchema.shape);

/** What the construct must provide. */
export type ScalerEnv = z.input<typeof scalerEnvSchema>;
