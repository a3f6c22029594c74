// Preloaded (`node --import`) into a process under test: moves its wall clock, and those of the processes it starts, by
// what a file says, while they run. It stands in for `date -s`, which would move the clock of the whole machine.
//
// What moves: `Date.now()` and `new Date()`, which is all that the product and its stores ask for the time. What does
// not, as with a real wall clock: timers and `performance.now()`. Native code that asks the kernel by itself is not moved.
//
// The files lie in $PILOTLIGHT_CLOCK_DIR and hold milliseconds: `platform`, `worker` and `runner`, each with `.<pid>`
// behind it for one process alone.
import childProcess from 'node:child_process';
import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

const folder = process.env.PILOTLIGHT_CLOCK_DIR;
const roles = [
  ['local/main.ts', 'platform'],
  ['worker/main.ts', 'worker'],
  ['engines/runner.ts', 'runner'],
];
const role = roles.find(([script]) => process.argv[1]?.endsWith(script))?.[1];

if (folder !== undefined && role !== undefined) {
  moveDate(folder, role);
  passOn(folder);
}

function moveDate(folder, role) {
  const files = [join(folder, `${role}.${process.pid}`), join(folder, role)];
  const everyMs = 10;
  const TrueDate = Date;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let offsetMs = 0;
  const nowMs = () => {
    if (performance.now() - readAtMs >= everyMs) {
      readAtMs = performance.now();
      offsetMs = files.map(read).find((found) => found !== null) ?? 0;
    }
    return TrueDate.now() + offsetMs;
  };
  globalThis.Date = new Proxy(TrueDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [nowMs()] : args, newTarget),
    apply: () => new TrueDate(nowMs()).toString(),
    get: (target, name) => (name === 'now' ? nowMs : Reflect.get(target, name)),
  });
}

function read(file) {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    // Not moved.
    return null;
  }
}

// Workers and runners are started with an environment of their own, so they are told on the command line.
function passOn(folder) {
  const { spawn } = childProcess;
  childProcess.spawn = (command, args, options) =>
    command === process.execPath
      ? spawn(command, ['--import', import.meta.url, ...args], {
          ...options,
          env: { ...(options?.env ?? process.env), PILOTLIGHT_CLOCK_DIR: folder },
        })
      : spawn(command, args, options);
  syncBuiltinESMExports();
}
