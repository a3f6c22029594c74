/**
 * The log of the local stack and its workers: JSON lines in a file, so that the terminal stays readable. Where the file
 * takes no more, as on a full disk, the platform goes on: the terminal is told once, and the lines wait.
 */
import { open } from 'node:fs/promises';

export interface LogFile {
  readonly write: (text: string) => void;
  close(): Promise<void>;
}

/** Kept while the file takes none: some thousand lines, of which the first say what happened. */
const waitingCharactersMax = 1_000_000;
const retryMs = 1_000;

/** @param tell gets one plain line when the file takes no more, and one when it does again */
export async function openLogFile(
  path: string,
  tell: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<LogFile> {
  const file = await open(path, 'a', 0o600);
  let waiting = '';
  let lostLines = 0;
  let isFailing = false;
  let isClosed = false;
  let writing: Promise<void> | null = null;
  let retry: NodeJS.Timeout | undefined;

  function write(text: string): void {
    if (isClosed) return;
    if (waiting.length + text.length > waitingCharactersMax) lostLines += 1;
    else waiting += text;
    if (!isFailing) writing ??= flush();
  }

  async function flush(): Promise<void> {
    // Never done before it was noted as under way.
    await null;
    while (waiting.length > 0) {
      const text = Buffer.from(waiting);
      waiting = '';
      const written = await append(text);
      if (written === text.length) continue;
      waiting = text.subarray(written).toString() + waiting;
      break;
    }
    writing = null;
  }

  /** How many bytes the file took. */
  async function append(text: Buffer): Promise<number> {
    let written = 0;
    try {
      while (written < text.length) written += (await file.write(text, written)).bytesWritten;
      if (isFailing) recover();
    } catch (error) {
      fail(error);
    }
    return written;
  }

  function fail(error: unknown): void {
    if (!isFailing)
      tell(`The log cannot be written: ${String(error)}. Make room; nothing else is needed. (${path})`);
    isFailing = true;
    retry = setTimeout(() => {
      writing ??= flush();
    }, retryMs).unref();
  }

  function recover(): void {
    isFailing = false;
    tell(`The log is written again; ${lostLines} of its lines were lost. (${path})`);
    lostLines = 0;
  }

  return {
    write,
    async close() {
      isClosed = true;
      clearTimeout(retry);
      await writing;
      if (waiting.length > 0) await flush();
      clearTimeout(retry);
      await file.close();
    },
  };
}
