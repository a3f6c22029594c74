import { expect, it } from 'vitest';
import { openapiDocument } from '#core/api/openapi.ts';
import { clientDocument } from './client-document.ts';

const document = clientDocument(openapiDocument({ version: '0.0.0' }));
const text = JSON.stringify(document);

it('holds every call of this API and none in the words of another', () => {
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const tags = new Set(operations.flatMap((operation) => operation.tags));

  expect(operations.length).toBeGreaterThan(70);
  expect([...tags].filter((tag) => ['replicate', 'fal', 'runpod', 'simple'].includes(tag))).toEqual([]);
  expect(tags).toContain('jobs');
});

it('names nothing that it does not hold, and holds nothing unnamed', () => {
  const named = new Set(
    [...text.matchAll(/"#\/components\/(\w+)\/([\w-]+)"/g)].map(([, kind, name]) => `${kind}/${name}`),
  );

  expect([...named].toSorted()).toEqual(
    Object.keys(document.components.schemas)
      .map((name) => `schemas/${name}`)
      .toSorted(),
  );
});

it('keeps a property that is called example', () => {
  const property = { type: 'object', properties: { example: { type: 'string' } }, example: { example: 'x' } };
  const made = clientDocument({
    paths: {
      '/a': { get: { tags: ['jobs'], responses: { 200: { content: { a: { schema: property } } } } } },
    },
    components: { schemas: { Error: {} } },
  });

  expect(made.paths['/a']?.get?.responses[200]?.content).toEqual({
    a: { schema: { type: 'object', properties: { example: { type: 'string' } } } },
  });
});
