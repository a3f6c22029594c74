import { expect, it } from 'vitest';
import { examples } from '../examples.ts';
import { openapiDocument } from '../openapi.ts';
import { routeList } from '../routes.ts';
import { html } from './html.ts';
import { referencePage } from './page.ts';

const document = openapiDocument({ version: '1.2.3' });
const page = referencePage(document);

/** What a reader sees of some text. */
const shown = (text: string) => html`${text}`.text;

it('has every route with its path, its summary and what it needs', () => {
  for (const { id, method, path, summary, scope } of routeList) {
    const [, section = ''] = page.split(`<article id="${id}">`);
    const own = section.slice(0, section.indexOf('</article>'));
    expect(own).toContain(shown(summary));
    expect(own).toContain(`>${method}</b> <code>${path}</code>`);
    expect(own).toContain(scope === null ? 'no key needed' : `<code>${scope}</code>`);
  }
});

it('has every error of every route', () => {
  for (const { id, errors } of routeList) {
    const [, section = ''] = page.split(`<article id="${id}">`);
    const own = section.slice(0, section.indexOf('</article>'));
    for (const code of errors) expect(own).toContain(`<code>${code}</code>`);
  }
});

it('has every example: of a request as a line for a shell, of an answer as it is', () => {
  for (const [place, example] of Object.entries(examples)) {
    const isRequest = place.endsWith(' request');
    const text = isRequest
      ? JSON.stringify(example).replaceAll("'", "'\\''")
      : JSON.stringify(example, null, 2);
    expect(page).toContain(shown(text));
  }
});

it('leads nowhere but to itself and to the document', () => {
  const targets = [...page.matchAll(/href="([^"]*)"/g)].map(([, target = '']) => target);
  const ids = new Set([...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => `#${id}`));

  expect(targets.length).toBeGreaterThan(routeList.length);
  for (const target of new Set(targets)) if (target !== 'openapi.json') expect(ids).toContain(target);
  expect(page).not.toMatch(/<script|https?:\/\/[^ ]*\.js|@import/);
});

it('gives each id once', () => {
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);

  expect(new Set(ids).size).toBe(ids.length);
});

it('shows text of the document as text', () => {
  const hostile = {
    info: { title: '<script>alert(1)</script>', version: '"&\'' },
    paths: {},
    components: {},
  };

  expect(referencePage(hostile)).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &quot;&amp;&#39;');
});
