/** For tests: a scene whose tenant has a key for files and batches, and ways to make both. */
import { lineOf } from '#sim/memory/batch-world.ts';
import type { Sent } from './api-scene.ts';
import { createApiScene } from './api-scene.ts';

const boundary = 'a-boundary-of-the-test';

/** A form as a client sends it; a field that is an object is a file. */
export function formOf(
  fields: Readonly<Record<string, string | { readonly name: string; readonly text: string | Uint8Array }>>,
): Sent {
  const parts = Object.entries(fields).flatMap(([name, value]) => {
    const isFile = typeof value === 'object';
    const file = isFile ? `; filename="${value.name}"\r\ncontent-type: application/jsonl` : '';
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${file}\r\n\r\n`;
    return [Buffer.from(head), Buffer.from(isFile ? value.text : value), Buffer.from('\r\n')];
  });
  const body = Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
  return {
    rawBody: body.toString('base64'),
    isBase64Encoded: true,
    headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
  };
}

export async function batchScene(given: Parameters<typeof createApiScene>[0] = {}) {
  const scene = await createApiScene(given);
  const { tenantId } = scene.tenant;
  const key = await scene.addKey(tenantId, ['jobs:read', 'jobs:write', 'files:write']);

  async function upload(text: string | Uint8Array = `${lineOf('a')}\n`, name = 'lines.jsonl') {
    const sent = formOf({ purpose: 'batch', file: { name, text } });
    return (await scene.send('createFile', '/v1/files', { ...sent, key })).json;
  }
  return {
    scene,
    key,
    upload,
    /** A batch of a file with these lines. */
    async create(lines: readonly string[] = [lineOf('a')], more: object = {}) {
      const { id } = await upload(`${lines.join('\n')}\n`);
      const body = { ...askOf(id), ...more };
      return (await scene.send('createBatch', '/v1/batches', { key, body })).json;
    },
    /** A key of another tenant, with the same scopes. */
    async stranger(tenant: Parameters<typeof scene.addTenant>[0]) {
      await scene.addTenant(tenant);
      return scene.addKey(tenant.tenantId, ['jobs:read', 'jobs:write', 'files:write']);
    },
  };
}

export function askOf(inputFileId: string) {
  return { input_file_id: inputFileId, endpoint: '/v1/jobs', completion_window: '24h' };
}
