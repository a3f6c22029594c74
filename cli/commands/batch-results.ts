import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import type { Session } from '../session.ts';

export const command = defineCommand({
  name: 'batch results',
  summary: 'Write the output and the errors of a batch to files',
  takes: ['ID'],
  options: {
    out: {
      type: 'string',
      short: 'o',
      value: 'NAME',
      help: 'NAME.output.jsonl and NAME.errors.jsonl (its id)',
    },
  },
  examples: ['pilotlight batch results batch_01kajf6wm0k2m4n6p8r0s2t4v6 -o nightly'],
  async run(session, { out }, [id = '']) {
    const { body, json } = await session.client.call('getBatch', { params: { id } });
    const name = out ?? body.id.replaceAll(/[^A-Za-z0-9_-]/g, '_');
    const files = [
      { id: body.output_file_id, path: `${name}.output.jsonl` },
      { id: body.error_file_id, path: `${name}.errors.jsonl` },
    ].flatMap((file) => (file.id === null ? [] : [{ ...file, id: file.id }]));
    if (files.length === 0) throw usageError(`the batch is ${body.status} and has no results`);
    for (const file of files) await save(session, file);
    if (session.json) session.printJson(json);
    else for (const { path } of files) session.print(path);
    return exitCodes.ok;
  },
});

async function save(
  session: Session,
  { id, path }: { readonly id: string; readonly path: string },
): Promise<void> {
  const { headers } = await session.client.call('getFileContent', { params: { id } });
  const location = headers.get('location');
  if (location === null || !URL.canParse(location)) {
    throw new CliError('the API gave no link to the results', {
      exitCode: exitCodes.unreachable,
      code: 'unexpected_answer',
    });
  }
  const bytes = await session.client.download(location);
  try {
    // Never over a file that is there.
    await writeFile(resolve(session.cwd, path), bytes, { flag: 'wx' });
  } catch (error) {
    throw usageError(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
