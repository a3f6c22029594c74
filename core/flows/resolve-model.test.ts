import { describe, expect, it } from 'vitest';
import { createFlowWorld, fakeManifest } from '#sim/memory/flow-world.ts';
import type { Manifest } from '../models/manifest.ts';
import { createCatalog } from '../models/manifest.ts';
import type { Quant } from '../models/memory.ts';
import { sampleAlias } from '../samples.ts';
import type { ModelAsk } from './resolve-model.ts';
import { resolveModel } from './resolve-model.ts';

const v2 = { ...fakeManifest, id: 'fake-image-v2' };
const int4: Manifest = {
  ...fakeManifest,
  id: 'fake-image-int4',
  variant: { of: 'fake-image', quant: 'int4' },
};

async function openScene() {
  const { aliases } = await createFlowWorld();
  await aliases.put(
    sampleAlias({
      family: 'fake-image',
      versions: [
        { version: '1', model: 'fake-image', weight: 1 },
        { version: 'v2', model: 'fake-image-v2', weight: 1 },
      ],
    }),
  );
  const reads: string[] = [];
  const counting = {
    get: (family: string, name: string) => {
      reads.push(`${family}:${name}`);
      return aliases.get(family, name);
    },
  };
  const ask = (given: Partial<ModelAsk>, manifests = [fakeManifest, v2]) =>
    resolveModel(
      { aliases: counting, catalog: createCatalog(manifests) },
      { tenantId: 'tenant-a', name: 'fake-image', quality: null, input: {}, granted: null, ...given },
    );
  const resolve = (name: string, granted: readonly string[] | null = null, manifests = [fakeManifest, v2]) =>
    ask({ name, granted }, manifests);
  const resolveQuant = async (name: string, quant: Quant, granted: readonly string[] | null = null) => {
    const answer = await ask({ name, granted, quant }, [fakeManifest, v2, int4]);
    return answer.kind === 'model' ? answer.model.manifest.id : answer.kind;
  };
  return { aliases, reads, ask, resolve, resolveQuant };
}

describe('resolveModel', () => {
  it('finds a model by its id without a read', async () => {
    const { reads, resolve } = await openScene();

    expect(await resolve('fake-image')).toMatchObject({ kind: 'model', model: { manifest: fakeManifest } });
    expect(reads).toEqual([]);
  });

  it('refuses a model that is not granted, and says when there is none', async () => {
    const { resolve } = await openScene();

    expect(await resolve('fake-image', ['fake-image-v2'])).toEqual({ kind: 'model_not_granted' });
    expect(await resolve('other', ['fake-image'])).toEqual({ kind: 'model_not_found' });
    expect(await resolve('other:stable')).toEqual({ kind: 'model_not_found' });
  });

  it('gives a granted version of an alias, whatever the weights say', async () => {
    const { reads, resolve } = await openScene();

    for (const id of ['fake-image', 'fake-image-v2']) {
      expect(await resolve('fake-image:stable', [id])).toMatchObject({ model: { manifest: { id } } });
    }
    expect(await resolve('fake-image:stable', [])).toEqual({ kind: 'model_not_granted' });
    expect(reads).toEqual(Array(3).fill('fake-image:stable'));
  });

  it('finds no model where the version of an alias has left the catalog', async () => {
    const { resolve } = await openScene();

    expect(await resolve('fake-image:stable', ['fake-image-v2'], [fakeManifest])).toEqual({
      kind: 'model_not_found',
    });
  });

  it('gives a tenant with a form of weights the variant of that form, where there is one', async () => {
    const { resolveQuant } = await openScene();

    expect(await resolveQuant('fake-image', 'int4')).toBe('fake-image-int4');
    expect(await resolveQuant('fake-image', 'int4', ['fake-image'])).toBe('fake-image-int4');
    expect(await resolveQuant('fake-image:stable', 'int4', ['fake-image'])).toBe('fake-image-int4');
  });

  it('gives the model itself where there is none, and what was named where that is a variant', async () => {
    const { resolveQuant } = await openScene();

    expect(await resolveQuant('fake-image', 'fp8')).toBe('fake-image');
    expect(await resolveQuant('fake-image-v2', 'int4')).toBe('fake-image-v2');
    expect(await resolveQuant('fake-image-int4', 'int4')).toBe('fake-image-int4');
    expect(await resolveQuant('fake-image', 'int4', ['fake-image-v2'])).toBe('model_not_granted');
  });
});

describe('a quality', () => {
  const high = sampleAlias({
    family: 'fake-image',
    name: 'high',
    versions: [{ version: 'v2', model: 'fake-image-v2', weight: 1 }],
  });

  it('of a family is its alias of that name, by one read', async () => {
    const { aliases, reads, ask } = await openScene();
    await aliases.put(high);

    expect(await ask({ quality: 'high' })).toMatchObject({ model: { manifest: { id: 'fake-image-v2' } } });
    expect(reads).toEqual(['fake-image:high']);
    expect(await ask({ quality: 'high', granted: ['fake-image'] })).toEqual({ kind: 'model_not_granted' });
  });

  it('that is not there is refused by name, with those that are', async () => {
    const { aliases, ask } = await openScene();
    const said = async (given: Partial<ModelAsk>) => {
      const answer = await ask(given);
      return answer.kind === 'invalid' ? answer.details : answer.kind;
    };

    expect(await said({ quality: 'fast' })).toEqual([
      { path: 'quality', message: 'fake-image has no qualities' },
    ]);
    await aliases.put(high);
    expect(await said({ quality: 'fast' })).toEqual([
      { path: 'quality', message: 'fake-image has no quality fast; it has high' },
    ]);
    expect(await said({ name: 'fake-image:stable', quality: 'high' })).toEqual([
      { path: 'quality', message: 'goes with a model, not with the alias fake-image:stable' },
    ]);
    expect(await said({ name: 'other', quality: 'high' })).toBe('model_not_found');
    expect(await said({ name: 'a.b/c', quality: 'high' })).toBe('model_not_found');
  });
});

describe('an alias by size', () => {
  async function bySize() {
    const scene = await openScene();
    await scene.aliases.put(
      sampleAlias({
        family: 'fake-image',
        name: 'auto',
        versions: [
          { version: '1', model: 'fake-image', weight: 1, pixelsMax: 256 * 256 },
          { version: 'v2', model: 'fake-image-v2', weight: 1, pixelsMax: 512 * 512 },
        ],
      }),
    );
    return (input: unknown, granted: readonly string[] | null = null) =>
      scene.ask({ name: 'fake-image:auto', input, granted });
  }

  it.each([
    [{ size: 256 }, 'fake-image'],
    [{ size: 257 }, 'fake-image-v2'],
    [{ size: '512x512' }, 'fake-image-v2'],
    [{}, 'fake-image'],
    [{ size: 'huge' }, 'fake-image'],
  ])('gives %j to %s', async (input, id) => {
    const resolve = await bySize();

    expect(await resolve(input)).toMatchObject({ model: { manifest: { id } } });
  });

  it('gives the next larger version that is granted', async () => {
    const resolve = await bySize();

    expect(await resolve({ size: 64 }, ['fake-image-v2'])).toMatchObject({
      model: { manifest: { id: 'fake-image-v2' } },
    });
  });

  it('refuses what is larger than any version takes, by the field that says so', async () => {
    const resolve = await bySize();

    expect(await resolve({ width: 1024, height: 512 })).toEqual({
      kind: 'invalid',
      details: [
        {
          path: 'input.width',
          message: 'asks for 524288 pixels; fake-image:auto takes at most 262144',
        },
      ],
    });
  });
});
