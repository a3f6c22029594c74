import { describe, expect, it } from 'vitest';
import { createFlowWorld, fakeManifest } from '#sim/memory/flow-world.ts';
import { createCatalog } from '../models/manifest.ts';
import { sampleAlias } from '../samples.ts';
import { resolveModel } from './resolve-model.ts';

const v2 = { ...fakeManifest, id: 'fake-image-v2' };

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
  const resolve = (name: string, granted: readonly string[] | null = null, manifests = [fakeManifest, v2]) =>
    resolveModel(
      { aliases: counting, catalog: createCatalog(manifests) },
      { tenantId: 'tenant-a', name, granted },
    );
  return { reads, resolve };
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
});
