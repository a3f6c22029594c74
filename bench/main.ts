/** `npm run bench -- NAME`: one benchmark, its figures as a table and, with `--json FILE`, as data. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { Bench, BenchReport } from './bench.ts';
import { FlagError } from './bench.ts';

const benches: Record<string, { readonly summary: string; readonly load: () => Promise<Bench> }> = {
  start: {
    summary: 'npm start: time to serving, to the first picture from zero workers, CPU when idle',
    load: async () => (await import('./start.ts')).startBench,
  },
  burst: {
    summary: '10 to 10,000 submissions at once: accepted, refused, ended, settled (--sizes 10,100 --persist)',
    load: async () => (await import('./burst.ts')).burstBench,
  },
  kills: {
    summary:
      'kill -9, SIGSTOP, full disk, damaged files, jumping clocks under load (--kills 50 --jobs 0 --seed 1 --faults kill,stop)',
    load: async () => (await import('./kills.ts')).killsBench,
  },
  'batch-kills': {
    summary: 'a batch whose platform is killed with -9 again and again (--lines 10000 --kills 20 --seed 1)',
    load: async () => (await import('./batch-kills.ts')).batchKillsBench,
  },
  load: {
    summary:
      'offered load from half to twice the published limits: refusals, goodput, latency (--seconds 8 --rounds 3)',
    load: async () => (await import('./load.ts')).loadBench,
  },
  limiter: {
    summary: 'admission by parallel submitters, beside flask-limiter and a token bucket (--python FILE)',
    load: async () => (await import('./limiter.ts')).limiterBench,
  },
  'key-timing': {
    summary: 'whether time tells refused keys apart: a Welch t-test (--samples 100000 --store embedded)',
    load: async () => (await import('./key-timing.ts')).keyTimingBench,
  },
  batching: {
    summary:
      'a call of 8 against one at a time; with --python FILE engine and stack beside BentoML, LitServe and FastAPI (--jobs 80 --rounds 5 --latency-jobs 1000)',
    load: async () => (await import('./batching.ts')).batchingBench,
  },
  stream: {
    summary: 'text of a chat: how soon it is at the client after its worker wrote it',
    load: async () => (await import('./stream.ts')).streamBench,
  },
  dialects: {
    summary: 'what a dialect costs: jobs through each of them beside native ones (--rounds 100 --seed 1)',
    load: async () => (await import('./dialects.ts')).dialectsBench,
  },
  drain: {
    summary:
      'simulated: how much of a card’s time one worker uses while a line is drained, beside plain loops (--jobs 10000)',
    load: async () => (await import('./drain.ts')).drainBench,
  },
  gpu: {
    summary:
      'models of full size with random weights on the GPU that is here, beside plain loops (--python .venv/bin/python --rounds 5 --tiny)',
    load: async () => (await import('./gpu.ts')).gpuBench,
  },
  memory: {
    summary: 'the demo model: resident memory of its runner against the figures of its manifest',
    load: async () => (await import('./memory.ts')).memoryBench,
  },
  fairness: {
    summary: 'simulated: what quiet tenants wait beside a noisy one, and who gets how much (--seeds 20)',
    load: async () => (await import('./fairness.ts')).fairnessBench,
  },
  eta: {
    summary:
      'simulated: how right the times are that waiting jobs are told, beside simpler forecasts (--seeds 2)',
    load: async () => (await import('./eta.ts')).etaBench,
  },
  units: {
    summary: 'what AWS bills of one job: requests, units of tables, bytes of logs, counted (--jobs 80)',
    load: async () => (await import('./units.ts')).unitsBench,
  },
  tenants: {
    summary: 'simulated: 50 tenants of three plans on 8 cards for an hour, waits, shares, costs (--seeds 20)',
    load: async () => (await import('./tenants.ts')).tenantsBench,
  },
};

const help = `Usage: npm run bench -- NAME [--json FILE] [options of the benchmark]

${Object.entries(benches)
  .map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}`)
  .join('\n')}

Options of kills:
  --kills N      how many; the run ends after the last (default 50)
  --jobs N       accepted jobs at least, spread over the kills (default: as many as come)
  --faults LIST  of kill, stop, disk, corrupt, clock (default kill)
  --seed N       draws the same faults again (default 1)
  --minutes N    no fault is begun later than this (default: no bound)

Options of batch-kills:
  --lines N      of the file: 1 in 100 is no request, 1 in 100 fails at its model (default 10000)
  --kills N      at points spread over the lines (default 20)
  --seed N       draws the same points again (default 1)

Options of load:
  --seconds N    how long each load is offered (default 8)
  --rounds N     how often; medians count (default 3)

Examples:
  npm run bench -- load --seconds 4 --json load.json
  npm run bench -- burst --sizes 10,100,1000
  npm run bench -- kills --kills 20 --seed 7 --faults kill,stop,disk,corrupt,clock
  npm run bench -- kills --kills 1000 --jobs 10000 --faults kill,stop,disk,corrupt,clock --minutes 60 --json kills.json`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      sizes: { type: 'string' },
      kills: { type: 'string' },
      jobs: { type: 'string' },
      'latency-jobs': { type: 'string' },
      lines: { type: 'string' },
      faults: { type: 'string' },
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      seed: { type: 'string' },
      seeds: { type: 'string' },
      samples: { type: 'string' },
      store: { type: 'string' },
      unpaced: { type: 'boolean' },
      persist: { type: 'boolean' },
      python: { type: 'string' },
      tiny: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const [name = ''] = positionals;
  const bench = benches[name];
  if (bench === undefined || values.help === true) {
    process.stdout.write(`${help}\n`);
    return values.help === true ? 0 : 2;
  }
  const run = await bench.load();
  const report = await run(values);
  print(name, report);
  if (values.json !== undefined) {
    const machine = { node: process.version, cpu: cpus()[0]?.model, cores: availableParallelism() };
    await writeFile(values.json, `${JSON.stringify({ bench: name, machine, ...report }, null, 2)}\n`);
  }
  return report.failures.length === 0 ? 0 : 1;
}

function print(name: string, { rows, failures }: BenchReport): void {
  process.stdout.write(`\nbench ${name} (node ${process.version}, ${availableParallelism()} cores)\n`);
  // A table for rows of a kind: what one of them lacks stays blank.
  for (const table of Map.groupBy(rows, (row) => Object.keys(row)[0]).values()) printTable(table);
  for (const failure of failures) process.stdout.write(`FAILED: ${failure}\n`);
}

function printTable(rows: BenchReport['rows']): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? '')))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  for (const line of cells) {
    process.stdout.write(`${line.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}\n`);
  }
}

process.exit(
  await main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`${error.message} (see npm run bench -- --help)\n`);
    return 2;
  }),
);
