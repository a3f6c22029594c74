/** Lines of what a process prints. It may print without an end: of a line no more is kept than is told. */
import type { Readable } from 'node:stream';

/** Empty lines are not told: one stands between the two characters that end a line on Windows. */
export function readLines(input: Readable, charactersMax: number, onLine: (line: string) => void): void {
  let open = '';
  const add = (text: string) => {
    open += text.slice(0, charactersMax - open.length);
  };
  const tell = () => {
    if (open !== '') onLine(open);
    open = '';
  };
  input.setEncoding('utf8').on('data', (text: string) => {
    const [rest = '', ...lines] = text.split(/[\r\n]/);
    add(rest);
    for (const line of lines) {
      tell();
      add(line);
    }
  });
  input.once('close', tell);
}
