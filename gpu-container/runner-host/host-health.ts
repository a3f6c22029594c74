/** Whether a runner host lives, asked as a worker asks it. */
import { createConnection } from 'node:net';
import { createFrameReader, encodeFrame } from '../protocol/framing.ts';
import { hostAnswerSchema, hostFrameBytesMax } from '../protocol/host-messages.ts';

/** Below the time-out of a health check, which would say the same. */
const answerMs = 3_000;

export function isWell(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath);
    const end = (well: boolean) => {
      resolve(well);
      socket.destroy();
    };
    const read = createFrameReader(hostAnswerSchema, hostFrameBytesMax);
    socket.setTimeout(answerMs, () => end(false));
    socket.on('connect', () => socket.write(encodeFrame({ type: 'ping' })));
    socket.on('data', (chunk) => {
      for (const frame of read(chunk)) end(frame.kind === 'message' && frame.message.type === 'pong');
    });
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}
