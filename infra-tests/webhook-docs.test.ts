/** The code of docs/webhooks.md, run as a reader would: what people copy must believe real messages and no others. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatSecret, sharedSecret } from '#core/webhook/secret.ts';
import { signedHeaders } from '#core/webhook/sign.ts';

const folder = mkdtempSync(join(tmpdir(), 'pilotlight-webhook-docs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const webhookKey = 'the key of this platform, 32 or more';
const name = { tenantId: 'tenant-a', endpointId: 'whe_1', version: 2 };
const secret = formatSecret(sharedSecret(webhookKey, name));
const body = '{"type":"job.succeeded","data":{"prompt":"灯台"}}';

function codeOf(language: string): string {
  const text = readFileSync(join(import.meta.dirname, '..', 'docs', 'webhooks.md'), 'utf8');
  const code = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(text)?.[1];
  if (code === undefined) throw new Error(`docs/webhooks.md has no ${language}`);
  return code;
}

const runs = {
  ts(input: string): string {
    const file = join(folder, 'receiver.ts');
    const driver = `process.stdout.write(String(isGenuine(...(JSON.parse(process.argv[2] ?? '') as [string, Record<string, string>, string]))));`;
    writeFileSync(file, `${codeOf('ts')}\n${driver}\n`);
    return execFileSync(process.execPath, [file, input], { encoding: 'utf8' });
  },
  python(input: string): string {
    const file = join(folder, 'receiver.py');
    const driver = `import json, sys\nsecret, headers, body = json.loads(sys.argv[1])\nprint(str(is_genuine(secret, headers, body.encode())).lower(), end="")`;
    writeFileSync(file, `${codeOf('python')}\n${driver}\n`);
    return execFileSync('python3', [file, input], { encoding: 'utf8' });
  },
};

function headersAt(nowMs: number): Record<string, string> {
  const secrets = [{ ...name, version: 3 }, name];
  return signedHeaders(webhookKey, { id: 'whd_1', body }, { secrets, nowMs });
}

describe.each(Object.entries(runs))('the receiver in %s', (_language, run) => {
  const ask = (given: string, headers: Record<string, string>, text: string) =>
    run(JSON.stringify([given, headers, text]));

  it('believes a message of the platform, also while its secret is being rotated', () => {
    expect(ask(secret, headersAt(Date.now()), body)).toBe('true');
  });

  it('believes no other body, no other secret and no old message', () => {
    const other = formatSecret(sharedSecret(webhookKey, { ...name, tenantId: 'tenant-b' }));

    expect(ask(secret, headersAt(Date.now()), `${body} `)).toBe('false');
    expect(ask(other, headersAt(Date.now()), body)).toBe('false');
    expect(ask(secret, headersAt(Date.now() - 400_000), body)).toBe('false');
  });
});
