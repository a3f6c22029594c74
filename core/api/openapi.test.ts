import { readFile } from 'node:fs/promises';
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { examples } from './examples.ts';
import { openapiDocument } from './openapi.ts';
import { routeList } from './routes.ts';

const document = openapiDocument({ version: packageJson.version });

it('is a valid OpenAPI 3.1 document', async () => {
  const validator = new Validator();

  const result = await validator.validate(structuredClone(document));

  expect(result.errors).toBeUndefined();
  expect([result.valid, validator.version]).toEqual([true, '3.1']);
});

it('is what docs/openapi.json holds; `npm run openapi` writes it anew', async () => {
  const committed = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8');

  expect(JSON.parse(committed)).toEqual(document);
  expect(committed).toBe(`${JSON.stringify(document, null, 2)}\n`);
});

it('holds every route and every status of it', () => {
  const paths = Object(document.paths);
  for (const route of routeList) {
    const operation = paths[route.path][route.method.toLowerCase()];
    expect(operation.operationId).toBe(route.id);
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(Object.keys(route.answers)));
  }
});

it('says of every route which scope opens it, or that it is open to all', () => {
  const paths = Object(document.paths);
  for (const { path, method, scope } of routeList) {
    const operation = paths[path][method.toLowerCase()];
    const said = operation.security === undefined ? operation['x-scope'] : operation.security;
    expect(said).toEqual(scope ?? []);
  }
});

it('refers to nothing that it does not hold', () => {
  const text = JSON.stringify(document);
  const references = [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)];

  expect(references.length).toBeGreaterThan(20);
  expect(text).not.toContain('$defs');
  const components = Object(document.components);
  for (const [, kind = '', name = ''] of references) expect(components[kind]).toHaveProperty([name]);
});

it('says which fields a request may leave out', () => {
  const { JobRequest, Job } = Object(document.components).schemas;

  expect(JobRequest.required).toEqual(['model', 'input']);
  expect(JobRequest.properties.class.enum).toEqual(['interactive', 'batch']);
  expect(JobRequest.properties.class).not.toHaveProperty('default');
  expect(Job.required).toContain('metadata');
});

it.each(Object.entries(examples))('gives an example that fits: %s', (place, example) => {
  const [id, part = ''] = place.split(' ');
  const route = routeList.find((candidate) => candidate.id === id);
  const schema = part === 'request' ? route?.body : route?.answers[Number(part)]?.schema;

  expect(schema?.safeParse(example).error).toBeUndefined();
  expect(schema).toBeDefined();
});
