/**
 * Entry of a runner process: `runner.ts --engine fake|demo --socket PATH --models DIR [--memory-max-mb N]`. Holds no credentials and
 * opens no network port. Engines load on demand, so that `ready` never waits for a native library.
 * Exit codes: 0 after the conversation ended, however it ended; 2 for a wrong command line; 1 when it could not serve.
 */
import { parseArgs } from 'node:util';
import * as z from 'zod';
import type { Engine, EngineName } from './engine.ts';
import { engineNames } from './engine.ts';
import { serve } from './host.ts';

const argsSchema = z.object({
  engine: z.enum(engineNames),
  socket: z.string().startsWith('/'),
  models: z.string().startsWith('/'),
  'memory-max-mb': z.coerce.number().int().positive().optional(),
});

async function main(): Promise<number> {
  const args = parseCommandLine();
  if (args === null) {
    process.stderr.write(
      'usage: runner --engine fake|demo --socket PATH --models DIR [--memory-max-mb N] (absolute paths)\n',
    );
    return 2;
  }
  await serve(await createEngine(args.engine, args.models), args.socket, args['memory-max-mb']);
  return 0;
}

function parseCommandLine(): z.infer<typeof argsSchema> | null {
  const option = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      options: { engine: option, socket: option, models: option, 'memory-max-mb': option },
    });
    return argsSchema.parse(values);
  } catch (err) {
    process.stderr.write(`${err instanceof z.ZodError ? z.prettifyError(err) : err}\n`);
    return null;
  }
}

async function createEngine(name: EngineName, modelsDir: string): Promise<Engine> {
  switch (name) {
    case 'fake':
      return (await import('./fake/fake-engine.ts')).createFakeEngine();
    case 'demo':
      return (await import('./demo/demo-engine.ts')).createDemoEngine(modelsDir);
  }
}

main().then(
  // An explicit exit: the engine may still be computing for a worker that is gone.
  (code) => process.exit(code),
  (err: unknown) => {
    process.stderr.write(`${err instanceof Error ? err.stack : String(err)}\n`);
    process.exit(1);
  },
);
