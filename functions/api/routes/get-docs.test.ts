import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('answers with the reference as a page, without a key', async () => {
    const scene = await createApiScene();

    const got = await scene.send('getDocs', '/docs', { key: null });

    expect(got.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(got.headers['cache-control']).toBe('public, max-age=300');
    expect(got.text).toContain('<title>Pilotlight 0.0.0-test: API reference</title>');
  });

  it('lets the page show its own style and do nothing else', async () => {
    const scene = await createApiScene();

    const { text, headers } = await scene.send('getDocs', '/docs', { key: null });

    const [, style = ''] = /<style>(.*?)<\/style>/s.exec(text) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
    expect(text).not.toContain('style="');
  });
});
