/** Command line of `worker prewarm`. */
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { StartError } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';
import { prewarmDepths } from './prewarm.ts';

export const prewarmHelp = `Makes this machine ready for a pool, then ends. Prints what it did as JSON; its log goes to standard error.

Usage: worker prewarm [OPTIONS]

  --model ID       only this model; may be given again (default: every model of the pool)
  --depth DEPTH    weights: bring them from the bucket; load: also load the models;
                   shapes: also run a dummy generation of each size (default)
  --timeout S      seconds until it gives up (default 900)
  --help           this text

Environment: PILOTLIGHT_POOL, PILOTLIGHT_MODELS_DIR, and as far as models need them PILOTLIGHT_WEIGHTS_DIR with
AWS_REGION and PILOTLIGHT_BUCKET, PILOTLIGHT_PYTHON, PILOTLIGHT_DEVICE, PILOTLIGHT_GPU_MEMORY_MB.
PILOTLIGHT_READY_FILE is written once all of them are ready, and removed before.

Examples:
  worker prewarm
  worker prewarm --depth weights --timeout 3600
  worker prewarm --model z-image-turbo

Exit codes: 0 all ready; 2 wrong command line or environment; 3 weights; 4 loading; 5 a dummy generation;
6 stopped or out of time; 1 anything else.`;

const valuesSchema = z.object({
  model: z.array(z.string().min(1)).default([]),
  depth: z.enum(prewarmDepths).default('shapes'),
  timeout: z.coerce.number('must be a number').int().min(1).max(86_400).default(900),
});

export type PrewarmOptions = z.infer<typeof valuesSchema>;

/**
 * Null when help is asked for.
 * @throws StartError `invalid_arguments`, naming the option
 */
export function parsePrewarmOptions(argv: readonly string[]): PrewarmOptions | null {
  const values = parseFlags(argv);
  if (values.help === true) return null;
  const parsed = valuesSchema.safeParse(values);
  if (parsed.success) return parsed.data;
  const faults = faultsOf(parsed.error).map(({ path, message }) => `--${path}: ${message}`);
  throw new StartError('invalid_arguments', `${faults.join('; ')} (see worker prewarm --help)`);
}

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        model: { type: 'string', multiple: true },
        depth: { type: 'string' },
        timeout: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError('invalid_arguments', `${reason} (see worker prewarm --help)`, error);
  }
}
