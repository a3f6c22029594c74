/**
 * Entry of `npm start`. Exit codes: 0 after a stop by Ctrl-C or SIGTERM, 2 when something a person can mend is in the
 * way (one line says what), 1 for a fault of ours.
 */
import { enableCompileCache } from 'node:module';
import { join, relative } from 'node:path';
import { StartError } from '#core/errors.ts';
import type { StartOptions } from './options.ts';
import { parseStartOptions, startHelp } from './options.ts';
import type { Platform } from './platform.ts';

const bootedAtMs = performance.now();

async function main(): Promise<void> {
  // A reader that went away (`npm start | head`) must not stop the platform.
  process.stdout.on('error', () => undefined);
  const options = parseStartOptions(process.argv.slice(2), process.cwd());
  if (options === null) {
    say(startHelp);
    return;
  }
  // Compiled code of the dependencies, kept next to the data: workers start in a third of the time.
  process.env.NODE_COMPILE_CACHE ??= join(options.dataDir, 'compile-cache');
  enableCompileCache(process.env.NODE_COMPILE_CACHE);
  const { startPlatform } = await import('./platform.ts');
  const platform = await startPlatform(options);
  say(`Pilotlight serves at ${platform.url} (ready in ${seconds(performance.now() - bootedAtMs)} s)`);
  const stop = stopOnSignal(platform);
  if (options.firstJob) await firstJob(platform, options, stop.signal);
  if (!stop.signal.aborted) say(nextSteps(platform, options));
  await stop.done;
}

async function firstJob(platform: Platform, options: StartOptions, signal: AbortSignal): Promise<void> {
  const { runFirstJob } = await import('./first-light.ts');
  const { url, credentials } = platform;
  try {
    const light = { url, key: credentials.tenants.demo.key, dataDir: options.dataDir, say, signal };
    const picture = await runFirstJob(light);
    if (picture !== null) say(`  picture: ${relative(process.cwd(), picture)}`);
  } catch (error) {
    if (signal.aborted) return;
    const log = relative(process.cwd(), join(options.dataDir, 'pilotlight.log'));
    say(`  the first job failed: ${error instanceof Error ? error.message : error} (see ${log})`);
  }
}

function nextSteps({ url }: Platform, { dataDir }: StartOptions): string {
  const file = relative(process.cwd(), join(dataDir, 'credentials.json'));
  const body = `{"model":"pilotlight-shapes","input":{"prompt":"a green star left of a red circle"}}`;
  return `
Try:
  curl -s ${url}/v1/jobs -H "Authorization: Bearer $(node -p "require('./${file}').tenants.demo.key")" -H "Content-Type: application/json" -H "Prefer: wait" -d '${body}'
  npx pilotlight generate "a green star left of a red circle" -o star.png
  ${url}/openapi.json

Ctrl-C stops it; nothing is lost.`;
}

/** The first signal drains; a second one does not wait. */
function stopOnSignal(platform: Platform): { signal: AbortSignal; done: Promise<void> } {
  const stopping = new AbortController();
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stopping.signal.aborted) process.exit(130);
      stopping.abort();
      say('\nDraining; again to stop at once.');
      platform.close().then(resolve, reject);
    });
  }
  return { signal: stopping.signal, done };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    if (error instanceof StartError) {
      process.stderr.write(`${error.message}\n`);
      process.exit(2);
    }
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
