/**
 * Entry of the container: serves a pool, or with a word makes a machine ready for it, or asks whether it serves. Each is
 * imported on demand, because a health check must not wait for the SDK.
 */
import { StartError } from '#core/errors.ts';

const help = `Usage: worker [COMMAND]

  (none)     serve a pool until SIGTERM
  prewarm    bring weights, load models and run each size once; then end (worker prewarm --help)
  healthy    exit 0 while a worker serves here, by its ready file

Everything else is by environment: docs/gpu-container.md lists the variables.`;

async function main([command, ...rest]: readonly string[]): Promise<number> {
  switch (command) {
    case undefined:
      return (await import('./serve.ts')).serve();
    case 'prewarm':
      return (await import('./prewarm-command.ts')).prewarmCommand(rest);
    case 'healthy':
      return (await import('./healthy-command.ts')).healthyCommand();
    case '--help':
      process.stdout.write(`${help}\n`);
      return 0;
    default:
      throw new StartError('invalid_arguments', `there is no command ${command}.\n\n${help}`);
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof StartError ? error.message : String(error)}\n`);
    process.exit(error instanceof StartError ? 2 : 1);
  },
);
