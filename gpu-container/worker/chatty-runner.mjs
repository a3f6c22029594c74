// A runner that says what it was given wherever it can: on both outputs, in an error, in an event, cut and shouted. It
// speaks the protocol by hand, as a runtime in another language would.
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

function answer(message, say) {
  switch (message.type) {
    case 'hello':
      return say({
        type: 'ready',
        protocol: message.protocol,
        engine: 'chatty',
        versions: {},
        capabilities: { deltas: false, adapters: false },
        vramTotalBytes: null,
      });
    case 'load':
      return say({
        type: 'loaded',
        model: message.model,
        revision: message.revision,
        ms: 1,
        vramBytes: null,
      });
    case 'ping':
      return say({ type: 'pong', sequence: message.sequence });
    case 'drain':
      process.stdout.write(`answered ${answers.join(', ')}\n`);
      say({ type: 'bye', reason: 'drained' });
      return process.exit(0);
    case 'run':
      return runBatch(message, say);
  }
}

const answers = [];

/** Answers with what nobody asked, in pieces, and fails. */
function runChat(id, messages, say) {
  const answer = 'the keeper went home at a quarter past nine';
  answers.push(answer, answer.slice(10, 30), answer.toUpperCase());
  for (const word of answer.split(/(?= )/)) say({ type: 'delta', id, text: word });
  const message = `could not answer ${messages.map(({ content }) => content).join('; ')}`;
  say({ type: 'failed', scope: 'item', id, code: 'INTERNAL', message, retryable: false, gpuMs: 1 });
}

function runBatch({ batchId, items: [{ id, params }], previews }, say) {
  say({ type: 'accepted', batchId });
  const shape = { contentType: 'image/png', width: 1, height: 1 };
  if (previews) say({ type: 'preview', id, step: 1, ...shape, data: btoa(params.prompt) });
  process.stdout.write(`running ${JSON.stringify(params)}\n`);
  if (params.messages !== undefined) return runChat(id, params.messages, say);
  process.stderr.write(`Traceback: KeyError ${params.prompt.toUpperCase()} / ${params.prompt.slice(20)}\n`);
  say({
    type: 'log',
    level: 'warn',
    event: 'own.event',
    fields: { note: params.nested.note, level: 'info' },
  });
  say({
    type: 'failed',
    scope: 'item',
    id,
    code: 'INTERNAL',
    message: `could not draw ${params.prompt}, sorry`,
    retryable: false,
    gpuMs: 1,
  });
}
