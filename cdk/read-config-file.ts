import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { StartError } from '#core/errors.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { Config } from './config.ts';
import { parseConfig } from './config.ts';

/**
 * The config that a file exports, with every default filled in.
 * @param path absolute
 * @param name as the user gave it, for faults
 * @throws StartError `invalid_config` for a file that is not there or has no `config`, and with a line for each of its faults
 */
export async function readConfigFile(
  path: string,
  name: string,
  manifests: readonly Manifest[],
): Promise<Config> {
  const outcome = parseConfig(await exportedConfig(path), manifests);
  if (outcome.kind === 'valid') return outcome.config;
  const lines = outcome.faults.map(({ path: field, message }) => `\n  ${field}: ${message}`);
  throw new StartError('invalid_config', `${name}:${lines.join('')}`);
}

async function exportedConfig(path: string): Promise<unknown> {
  let module: unknown;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new StartError('invalid_config', `${path}: ${error instanceof Error ? error.message : ''}`, error);
  }
  const parsed = z.object({ config: z.unknown() }).safeParse(module);
  if (parsed.success && parsed.data.config !== undefined) return parsed.data.config;
  throw new StartError('invalid_config', `${path}: exports no config`);
}
