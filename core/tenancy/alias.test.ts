import { describe, expect, it } from 'vitest';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { createCatalog } from '../models/manifest.ts';
import { sampleAlias } from '../samples.ts';
import { aliasId, chooseVersion, modelOfVersion, readAliasId, versionsForSize } from './alias.ts';

const tenants = Array.from({ length: 5_000 }, (_, index) => `tenant-${index}`);

describe('readAliasId', () => {
  it('reads what aliasId wrote', () => {
    expect(readAliasId(aliasId(sampleAlias()))).toEqual({ family: 'demo-image', name: 'stable' });
  });

  it.each(['fake-image', 'a:b:c', ':b', 'a:', '', 'a/b:c', 'a:..'])('takes %j for no alias', (text) => {
    expect(readAliasId(text)).toBeNull();
  });
});

describe('chooseVersion', () => {
  it('gives a tenant the same version every time', () => {
    const chosen = tenants.map((tenant) => chooseVersion(sampleAlias(), tenant));

    expect(tenants.map((tenant) => chooseVersion(sampleAlias(), tenant))).toEqual(chosen);
  });

  it('gives each version its share of the tenants', () => {
    const second = tenants.filter((tenant) => chooseVersion(sampleAlias(), tenant) === 'demo-image-v2');

    expect(second.length / tenants.length).toBeGreaterThan(0.08);
    expect(second.length / tenants.length).toBeLessThan(0.12);
  });

  it('moves nobody out of a version that grows', () => {
    const [v1, v2] = sampleAlias().versions;
    if (v1 === undefined || v2 === undefined) throw new Error('the sample has two versions');
    const grown = sampleAlias({
      versions: [
        { ...v1, weight: 50 },
        { ...v2, weight: 50 },
      ],
    });

    const moved = tenants.filter(
      (tenant) =>
        chooseVersion(sampleAlias(), tenant) === v2.model && chooseVersion(grown, tenant) !== v2.model,
    );

    expect(moved).toEqual([]);
  });
});

describe('versionsForSize', () => {
  const version = (model: string, pixelsMax?: number) => ({
    version: model,
    model,
    weight: 1,
    ...(pixelsMax === undefined ? {} : { pixelsMax }),
  });
  const versions = [version('large', 400), version('any'), version('small', 100), version('other', 100)];

  it.each([
    [1, ['small', 'other']],
    [100, ['small', 'other']],
    [101, ['large']],
    [401, ['any']],
    [null, ['small', 'other']],
  ])('of %s pixels are %j', (pixels, models) => {
    expect(versionsForSize(versions, pixels).map(({ model }) => model)).toEqual(models);
  });

  it('are none for a picture that is too large for all of them', () => {
    expect(versionsForSize([version('large', 400)], 401)).toEqual([]);
  });
});

describe('modelOfVersion', () => {
  const catalog = createCatalog([
    fakeManifest,
    { ...fakeManifest, id: 'fake-image-v2' },
    { ...fakeManifest, id: 'other' },
  ]);

  it.each([
    ['v2', 'fake-image-v2'],
    ['1', 'fake-image'],
    ['other', 'other'],
    ['v3', null],
    ['2', null],
    ['constructor', null],
  ])('reads %s as %s', (version, model) => {
    expect(modelOfVersion(catalog, 'fake-image', version)).toBe(model);
  });
});
