/** Command line of the local stack. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { blockedPortMessage, isBlockedPort } from '#core/api/blocked-ports.ts';
import { StartError } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';

export const startHelp = `Pilotlight on this machine: API, queues, store and workers, no GPU, no AWS account.

Usage: npm start -- [OPTIONS]

  --port N            port of the API on 127.0.0.1 (default 4180; 0 takes a free one)
  --data DIR          where everything is kept (default .pilotlight)
  --min-workers N     workers that stay up without work (default 0)
  --max-workers N     most workers of one pool (default 1)
  --idle-timeout S    seconds without work until a worker is put out (default 30)
  --models DIR        model manifests and weights (default: those of this checkout)
  --allow-local-webhooks  webhooks may go to http and to private addresses, such as http://127.0.0.1:8080
  --no-first-job      serve without running a first job
  --help              this text

Examples:
  npm start
  npm start -- --port 4200 --data /tmp/pilotlight --min-workers 1

Ctrl-C drains and stops. Killing it loses nothing: the next start goes on where this one was.`;

export interface StartOptions {
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** Absolute; absent for the models of this checkout. */
  readonly modelsDir?: string;
  readonly workersMin: number;
  readonly workersMax: number;
  readonly idleTimeoutMs: number;
  readonly firstJob: boolean;
  readonly allowLocalWebhooks: boolean;
}

const countSchema = z.coerce.number('must be a number').int();

const valuesSchema = z
  .object({
    port: countSchema
      .min(0)
      .max(65_535)
      .refine((port) => !isBlockedPort(port), { message: blockedPortMessage })
      .default(4180),
    data: z.string().min(1).default('.pilotlight'),
    models: z.string().min(1).optional(),
    'min-workers': countSchema.min(0).max(64).default(0),
    'max-workers': countSchema.min(1).max(64).default(1),
    'idle-timeout': z.coerce.number('must be a number').min(1).max(86_400).default(30),
    'no-first-job': z.boolean().default(false),
    'allow-local-webhooks': z.boolean().default(false),
  })
  .refine((values) => values['min-workers'] <= values['max-workers'], {
    path: ['min-workers'],
    message: 'must not be above --max-workers',
  });

/**
 * Null when help is asked for.
 * @throws StartError `invalid_arguments`
 */
export function parseStartOptions(argv: readonly string[], cwd: string): StartOptions | null {
  const { help, ...values } = parseFlags(argv);
  if (help === true) return null;
  const parsed = valuesSchema.safeParse(values);
  if (!parsed.success) {
    const faults = faultsOf(parsed.error).map(({ path, message }) => `--${path}: ${message}`);
    throw new StartError('invalid_arguments', `${faults.join('; ')} (see npm start -- --help)`);
  }
  return {
    port: parsed.data.port,
    dataDir: resolve(cwd, parsed.data.data),
    ...(parsed.data.models === undefined ? {} : { modelsDir: resolve(cwd, parsed.data.models) }),
    workersMin: parsed.data['min-workers'],
    workersMax: parsed.data['max-workers'],
    idleTimeoutMs: parsed.data['idle-timeout'] * 1000,
    firstJob: !parsed.data['no-first-job'],
    allowLocalWebhooks: parsed.data['allow-local-webhooks'],
  };
}

function parseFlags(argv: readonly string[]) {
  const string = { type: 'string' } as const;
  const boolean = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        port: string,
        data: string,
        models: string,
        'min-workers': string,
        'max-workers': string,
        'idle-timeout': string,
        'no-first-job': boolean,
        'allow-local-webhooks': boolean,
        help: boolean,
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError('invalid_arguments', `${reason} (see npm start -- --help)`, error);
  }
}
