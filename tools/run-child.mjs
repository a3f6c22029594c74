// Runs a child that owns the terminal: our signals go to it, its exit status becomes ours.
import { spawn } from 'node:child_process';

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
