import { describe, expect, it } from 'vitest';
import { createFlowWorld, fakeManifest } from '#sim/memory/flow-world.ts';
import type { Manifest } from '../models/manifest.ts';
import { createCatalog } from '../models/manifest.ts';
import type { Quant } from '../models/memory.ts';
import { sampleAlias } from '../samples.ts';
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
  const resolve = (name: string, granted: readonly string[] | null = null, manifests = [fakeManifest, v2]) =>
    resolveModel(
      { aliases: counting, catalog: createCatalog(manifests) },
      { tenantId: 'tenant-a', name, granted },
    );
  const resolveQuant = async (name: string, quant: Quant, granted: readonly string[] | null = null) => {
    const ports = { aliases: counting, catalog: createCatalog([fakeManifest, v2, int4]) };
    const answer = await resolveModel(ports, { tenantId: 'tenant-a', name, granted, quant });
    return answer.kind === 'model' ? answer.model.manifest.id : answer.kind;
  };
  return { reads, resolve, resolveQuant };
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
