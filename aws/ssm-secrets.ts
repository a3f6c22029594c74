/**
 * Secrets by name: where the environment has `NAME_PARAMETER`, the SSM parameter of that name is read into `NAME`. So no
 * secret stands in a template, or in what the console shows of a function.
 */
import { GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { StartError } from '#core/errors.ts';

const suffix = '_PARAMETER';
/** A cold start waits for it; a lost packet must not take the whole of it. */
const readWithinMs = 3_000;
const attemptsMax = 4;
/** SSM answers for at most so many names at once. */
const namesMax = 10;

type ReadParameters = (names: readonly string[]) => Promise<ReadonlyMap<string, string>>;

/**
 * The environment with those secrets in it; the same where it names none. A variable that is set by itself stays.
 * @throws StartError `invalid_environment`, naming every parameter that is not there
 */
export async function withSecrets(
  env: NodeJS.ProcessEnv,
  read: ReadParameters = readParameters,
): Promise<NodeJS.ProcessEnv> {
  const asked = Object.entries(env).flatMap(([variable, parameter]) => {
    const name = variable.endsWith(suffix) ? variable.slice(0, -suffix.length) : '';
    return name === '' || parameter === undefined || env[name] !== undefined ? [] : [{ name, parameter }];
  });
  if (asked.length === 0) return env;
  const values = await read([...new Set(asked.map(({ parameter }) => parameter))]);
  const missing = asked.filter(({ parameter }) => !values.has(parameter));
  if (missing.length > 0) {
    const names = missing.map(({ name, parameter }) => `${name}: there is no parameter ${parameter}`);
    throw new StartError('invalid_environment', names.join('; '));
  }
  return {
    ...env,
    ...Object.fromEntries(asked.map(({ name, parameter }) => [name, values.get(parameter)])),
  };
}

async function readParameters(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const client = new SSMClient({ maxAttempts: attemptsMax });
  const found = new Map<string, string>();
  try {
    for (let from = 0; from < names.length; from += namesMax) {
      const command = new GetParametersCommand({
        Names: names.slice(from, from + namesMax),
        WithDecryption: true,
      });
      const { Parameters = [] } = await client.send(command, {
        abortSignal: AbortSignal.timeout(readWithinMs),
      });
      for (const { Name, Value } of Parameters) {
        if (Name !== undefined && Value !== undefined) found.set(Name, Value);
      }
    }
  } finally {
    client.destroy();
  }
  return found;
}
