import { expect, it } from 'vitest';
import { handler } from './entry.ts';

const request = { method: 'GET', headers: {}, timeoutMs: 1_000, answerBytesMax: 1_024 };

it.each([
  ['http://example.com/', 'scheme'],
  ['https://127.0.0.1/', 'address_loopback'],
  ['https://169.254.169.254/latest/meta-data', 'address_metadata'],
  ['https://localhost/', 'host_local_name'],
])('refuses %s by its rule', async (url, rule) => {
  expect(await handler({ ...request, url })).toMatchObject({ kind: 'refused', rule });
});

it('takes no event that is no request', async () => {
  await expect(handler({ url: 'https://example.com/' })).rejects.toThrow();
});
