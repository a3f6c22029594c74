// What the code of a model in Node could try on the disk: prints the outcome of each as a line of JSON, and ends.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';

const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const weights = join(argument('--models'), 'tiny', 'weights.bin');
const scratch = dirname(argument('--socket'));

const outcome = (act) => {
  try {
    return act() ?? 'done';
  } catch (err) {
    return err.code;
  }
};

const inThread = () =>
  new Promise((resolve) => {
    const thread = new Worker(`require('node:fs').appendFileSync(${JSON.stringify(weights)}, 'x')`, {
      eval: true,
    });
    thread.on('error', (err) => resolve(err.code));
    thread.on('exit', () => resolve('done'));
  });

const found = {
  read: outcome(() => readFileSync(weights, 'utf8')),
  'own scratch folder': outcome(() => writeFileSync(join(scratch, 'picture.png'), 'drawn')),
  append: outcome(() => appendFileSync(weights, 'x')),
  truncate: outcome(() => truncateSync(weights, 0)),
  delete: outcome(() => rmSync(weights)),
  'put in its place': outcome(() => renameSync(join(scratch, 'picture.png'), weights)),
  link: outcome(() => linkSync(join(scratch, 'picture.png'), `${weights}.planted`)),
  'another scratch folder': outcome(() => writeFileSync(join(scratch, '..', 'file'), 'x')),
  program: outcome(() => execFileSync('/bin/sh', ['-c', 'true'])),
  thread: await inThread(),
};
process.stdout.write(`${JSON.stringify(found)}\n`);
