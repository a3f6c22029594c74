import * as z from 'zod';
import { systemClock } from '#aws/system-clock.ts';
import { StartError } from '#core/errors.ts';
import { healthOf } from './ready-file.ts';

/** 0 while the worker of this container serves, else 1. */
export async function healthyCommand(): Promise<number> {
  const path = z.string().startsWith('/').safeParse(process.env.PILOTLIGHT_READY_FILE);
  if (!path.success)
    throw new StartError('invalid_environment', 'PILOTLIGHT_READY_FILE: must be an absolute path');
  const health = await healthOf(path.data, systemClock.nowMs());
  process.stdout.write(`${health}\n`);
  return health === 'serving' ? 0 : 1;
}
