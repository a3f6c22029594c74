#!/usr/bin/env node
// Finds a Node that runs TypeScript as it is (22.18 or later) and starts cli/main.ts with it. Plain JavaScript,
// because the Node that starts this file may be older than that.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(import.meta.url);
const checkoutNode = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));

if (!dependenciesAreInstalled()) {
  refuse('dependencies are not installed; run npm install (or npm start) first');
} else if (runsTypeScript(process.versions.node)) {
  // Keeps the stripped sources, which halves the time of every start; old versions of 22 lack it.
  nodeModule.enableCompileCache?.();
  const { start } = await import('./main.ts');
  await start();
} else if (process.env.PILOTLIGHT_NODE_CHOSEN === undefined && existsSync(checkoutNode)) {
  await startWith(checkoutNode);
} else {
  refuse(
    `Node 22.18 or later is needed, this is ${process.versions.node}; run npm install (or npm start) first`,
  );
}

function dependenciesAreInstalled() {
  try {
    createRequire(import.meta.url).resolve('zod');
    return true;
  } catch {
    return false;
  }
}

function runsTypeScript(version) {
  const [major, minor] = version.split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 18);
}

function refuse(reason) {
  process.stderr.write(`pilotlight: ${reason}\n`);
  process.exitCode = 2;
}

/** Runs this file again; the child gets the terminal, the signals, and the last word on the exit code. */
async function startWith(node) {
  const child = spawn(node, [here, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, PILOTLIGHT_NODE_CHOSEN: '1' },
  });
  // A terminal sends Ctrl-C to both processes, so the child may see it twice; it counts a quick pair as one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise((resolve) => {
    child.on('error', (error) => {
      refuse(`cannot start ${node}: ${error.message}`);
      resolve(2);
    });
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
