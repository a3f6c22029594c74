/** The log of the local stack and its workers: JSON lines in a file, so that the terminal stays readable. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

export interface LogFile {
  readonly write: (text: string) => void;
  close(): Promise<void>;
}

export async function openLogFile(path: string): Promise<LogFile> {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  await once(stream, 'open');
  return {
    write: (text) => {
      if (!stream.writableEnded) stream.write(text);
    },
    async close() {
      stream.end();
      await finished(stream);
    },
  };
}
