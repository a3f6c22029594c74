/**
 * `npm run contract`: is the API what its OpenAPI document says? Schemathesis sends requests that fit the document and
 * requests that do not to a local stack of our own, as nobody, as a tenant and as the operator. Ends with 1 when an answer
 * breaks the document, or when a route was never seen to work.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { routeList } from '#core/api/routes.ts';
import { startLocalStack } from '../../bench/local-stack.ts';
import { seed } from './seed.ts';

const help = `Usage: npm run contract [-- OPTIONS]

  --examples N    requests that are made up per route and run, besides the systematic ones (default 3)
  --seed S        chance other than that of CI, which is the same every time
  --python FILE   a Python that has Schemathesis (default: that of .venv)`;

const root = dirname(dirname(import.meta.dirname));

const optionsSchema = z.object({
  examples: z.coerce.number().int().min(1).max(100_000).default(3),
  seed: z.coerce.number().int().min(0).optional(),
  python: z.string().default(join(root, '.venv', 'bin', 'python')),
});
type Options = z.infer<typeof optionsSchema>;

const tallySchema = z.object({
  answers: z.record(z.string(), z.record(z.string(), z.int())),
  accepted: z.record(z.string(), z.int()),
});
type Tally = z.infer<typeof tallySchema>;

interface Run {
  readonly name: string;
  readonly key: string | null;
  readonly routes: 'admin' | 'other' | 'all';
  /** The answer of every route that asks for a key, whatever is sent; null where the key may do it. */
  readonly door: 401 | 403 | null;
}

/** Named even where it is all of them: left to itself Schemathesis passes over the route of the document. */
const pathsOf = { admin: '^/admin/', other: '^/(?!admin/)', all: '^/' } as const;

/** At a closed door every request gets the same answer: more of them show no more. */
const examplesAtDoorMax = 10;

/** Ten times what a run takes on two busy cores: one that takes longer hangs. */
function runMsMax(examples: number): number {
  return 5 * 60_000 + examples * 10_000;
}

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      examples: { type: 'string' },
      seed: { type: 'string' },
      python: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    console.log(help);
    return 0;
  }
  const options = optionsSchema.parse(values);
  const folder = await mkdtemp(join(tmpdir(), 'pilotlight-contract-'));
  const dataDir = join(folder, 'data');
  const stack = await startLocalStack(dataDir, [
    '--no-first-job',
    '--max-workers',
    '1',
    '--allow-local-webhooks',
  ]);
  // Ctrl-C reaches the stack as well; a signal to us alone would leave it behind.
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stack.process.kill('SIGTERM');
      process.exit(1);
    });
  }
  try {
    return await check(stack.url, { folder, dataDir }, options);
  } finally {
    await stack.stop();
    await rm(folder, { recursive: true });
  }
}

async function check(
  url: string,
  { folder, dataDir }: { folder: string; dataDir: string },
  options: Options,
): Promise<number> {
  const credentials = JSON.parse(await readFile(join(dataDir, 'credentials.json'), 'utf8'));
  const adminKey = z.string().parse(credentials.admin_key);
  const { facts, tenantKey } = await seed(url, adminKey);
  const runs: Run[] = [
    { name: 'nobody', key: null, routes: 'all', door: 401 },
    { name: "a tenant, at the operator's routes", key: tenantKey, routes: 'admin', door: 403 },
    { name: 'a tenant', key: tenantKey, routes: 'other', door: null },
    { name: 'the operator', key: adminKey, routes: 'admin', door: null },
  ];
  const faults: string[] = [];
  for (const run of runs) {
    console.log(`\n== As ${run.name}`);
    const startedAtMs = performance.now();
    const files = { facts: join(folder, 'facts.json'), tally: join(folder, 'tally.json') };
    await writeFile(files.facts, JSON.stringify({ ...facts, door: run.door, insidePaths: [root, folder] }));
    const exitCode = await schemathesis(url, run, files, options);
    if (exitCode !== 0) faults.push(`as ${run.name}: Schemathesis ended with ${exitCode}`);
    const tally = tallySchema.parse(JSON.parse(await readFile(files.tally, 'utf8')));
    faults.push(...unseen(run, tally).map((route) => `as ${run.name}: ${route} never worked`));
    report(run, tally, performance.now() - startedAtMs);
  }
  for (const fault of faults) console.log(`FAILED: ${fault}`);
  return faults.length === 0 ? 0 : 1;
}

async function schemathesis(
  url: string,
  run: Run,
  files: { readonly facts: string; readonly tally: string },
  { examples, seed: chance, python }: Options,
): Promise<number> {
  const count = run.door === null ? examples : Math.min(examples, examplesAtDoorMax);
  const args = [
    ...['-m', 'schemathesis.cli', '--config-file', join(import.meta.dirname, 'schemathesis.toml')],
    ...['run', `${url}/openapi.json`, '--no-color', '--max-examples', String(count)],
    ...(chance === undefined
      ? ['--generation-deterministic']
      : ['--seed', String(chance), '--generation-database', 'none']),
    ...(run.key === null ? [] : ['--header', `Authorization: Bearer ${run.key}`]),
    // At a closed door there is nothing behind to look at systematically.
    ...['--phases', run.door === null ? 'examples,coverage,fuzzing' : 'fuzzing'],
    ...['--include-path-regex', pathsOf[run.routes]],
  ];
  const child = spawn(python, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: runMsMax(count),
    env: {
      ...process.env,
      PYTHONPATH: import.meta.dirname,
      PYTHONDONTWRITEBYTECODE: '1',
      HYPOTHESIS_STORAGE_DIRECTORY: join(dirname(files.tally), 'hypothesis'),
      CONTRACT_FACTS: files.facts,
      CONTRACT_TALLY: files.tally,
    },
  });
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

/** Routes of a run that were asked and never did what they are for. */
function unseen({ routes, door }: Run, { answers }: Tally): string[] {
  if (door !== null) return [];
  return routeList
    .filter(({ path }) => path.startsWith('/admin/') === (routes === 'admin'))
    .filter(({ id }) => !Object.keys(answers[id] ?? {}).some((status) => /^[23]/.test(status)))
    .map(({ id }) => id);
}

function report({ name }: Run, { answers, accepted }: Tally, tookMs: number): void {
  const byStatus = new Map<string, number>();
  for (const [status, count] of Object.values(answers).flatMap((each) => Object.entries(each))) {
    byStatus.set(status, (byStatus.get(status) ?? 0) + count);
  }
  const total = [...byStatus.values()].reduce((sum, count) => sum + count, 0);
  const shares = [...byStatus].toSorted().map(([status, count]) => `${status}: ${count}`);
  console.log(`\nAs ${name}: ${total} answers in ${(tookMs / 1000).toFixed(0)} s (${shares.join(', ')})`);
  for (const [rule, count] of Object.entries(accepted)) console.log(`  accepted ${count} times: ${rule}`);
}
