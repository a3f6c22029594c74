/** The config of a deployment, which some commands read in place of asking the API. */
import { CliError, exitCodes } from './cli-error.ts';

/** Where it is, unless `--config` says otherwise. */
export const configName = 'pilotlight.config.ts';

/** What was thrown as a command ends by it, when the config is at fault; null for anything else. */
export function configFault(error: unknown): CliError | null {
  const isConfig = error instanceof Error && 'code' in error && error.code === 'invalid_config';
  if (!isConfig) return null;
  return new CliError(error.message, { exitCode: exitCodes.usage, code: 'invalid_config', cause: error });
}
