// A runner whose device hangs: it reads, answers pings, and does nothing that is asked of it. It loads any model but `hangs`;
// an item with `steps` tells one of them after every `pings`, and ends with the last. It
// prints that it answered, so that a test may ping it as fast as that and no faster.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const socketPath = process.argv[process.argv.indexOf('--socket') + 1];

const server = createServer((socket) => {
  server.close();
  const say = (message) => socket.write(`${JSON.stringify(message)}\n`);
  createInterface({ input: socket }).on('line', (line) => answer(JSON.parse(line), say));
  socket.on('close', () => process.exit(0));
});
server.listen(socketPath);

const capabilities = { deltas: false, adapters: false };
let slow = null;

function answer(message, say) {
  const { type, model, revision, protocol } = message;
  if (type === 'hello') {
    say({ type: 'ready', protocol, engine: 'hanging', versions: {}, capabilities, vramTotalBytes: null });
  } else if (type === 'load' && model !== 'hangs') {
    say({ type: 'loaded', model, revision, ms: 1, vramBytes: null });
  } else if (type === 'run') {
    say({ type: 'accepted', batchId: message.batchId });
    const [{ id, params }] = message.items;
    if (params.steps !== undefined) slow = { ...params, id, step: 0, heard: 0 };
  } else if (type === 'ping') {
    say({ type: 'pong', sequence: message.sequence });
    process.stdout.write('answered\n');
    if (slow !== null) hear(say);
  }
}

function hear(say) {
  const { id, steps, pings } = slow;
  slow.heard += 1;
  if (slow.heard % pings !== 0) return;
  slow.step += 1;
  say({ type: 'progress', id, step: slow.step, steps });
  if (slow.step < steps) return;
  slow = null;
  say({ type: 'result', id, files: [], seeds: [1], unknownWords: [], gpuMs: 1 });
}
