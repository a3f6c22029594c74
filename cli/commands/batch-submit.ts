import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { describeFile } from '../adapter-file.ts';
import { batchText, exitCodeOf, followBatch } from '../batch-view.ts';
import { exitCodes } from '../cli-error.ts';
import { defineCommand, oneOf, pairs } from '../command.ts';

const endpoints = ['/v1/jobs', '/v1/chat/completions', '/v1/completions'] as const;

export const command = defineCommand({
  name: 'batch submit',
  summary: 'Upload a JSONL file and run its lines as a batch',
  takes: ['FILE'],
  options: {
    endpoint: { type: 'string', value: 'URL', help: 'The url of its lines (/v1/jobs)' },
    meta: { type: 'string', multiple: true, value: 'KEY=VALUE', help: 'Label the batch; repeatable' },
    watch: { type: 'boolean', help: 'Follow it until it ends; exit code 1 when a line failed' },
  },
  examples: ['pilotlight batch submit lines.jsonl --watch'],
  async run(session, { endpoint: asked = '/v1/jobs', meta, watch }, [name = '']) {
    const { client } = session;
    const endpoint = oneOf('endpoint', endpoints, asked) ?? '/v1/jobs';
    const { path, bytes, sha256 } = await describeFile(session.cwd, name);
    const metadata = pairs('meta', meta);
    const file = await client.call('createFile', {
      body: { filename: basename(name), purpose: 'batch', bytes, sha256 },
    });
    if (file.body.upload !== undefined) await client.upload(file.body.upload, await openAsBlob(path));
    const { body, json } = await client.call('createBatch', {
      body: { input_file_id: file.body.id, endpoint, completion_window: '24h', metadata },
    });
    if (!watch) {
      if (session.json) session.printJson(json);
      else session.print(batchText(body));
      session.note(`follow it with: pilotlight batch show ${body.id} --watch`);
      return exitCodes.ok;
    }
    const ended = await followBatch(session, body);
    if (session.json) session.printJson(ended);
    else session.print(batchText(ended));
    return exitCodeOf(ended);
  },
});
