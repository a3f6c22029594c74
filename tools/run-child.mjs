// Runs children: one that owns the terminal, whose exit status becomes ours and which gets our signals; one that shows what it
// says; one that is heard once it has ended.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Resolves to the exit code; a child ended by a signal gives 128 + its number's usual code. */
export function runForwardingSignals(command, args, cwd) {
  const child = spawn(command, args, { cwd, stdio: 'inherit' });
  // Ctrl-C reaches the whole process group, the child included; passing SIGINT on would deliver it twice.
  const forward = (signal) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`cannot run ${command}: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

/** Resolves to the exit code; 1 for a child that a signal ended or that could not be started. */
export function runShown(command, args, options) {
  return exitOf(spawn(command, args, { stdio: 'inherit', ...options }));
}

/** For what runs beside something else: resolves to the exit code and all that the child said. */
export async function runUnseen(command, args, options) {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-check-'));
  const file = join(folder, 'said.txt');
  const output = openSync(file, 'w');
  const code = await exitOf(spawn(command, args, { stdio: ['ignore', output, output], ...options }));
  closeSync(output);
  const said = readFileSync(file, 'utf8');
  rmSync(folder, { recursive: true });
  return { code, said };
}

function exitOf(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(`cannot run ${child.spawnfile}: ${error.message}`);
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
