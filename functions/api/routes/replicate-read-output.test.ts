import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import type { Got } from '../api-scene.ts';
import type { ReplicateScene } from '../dialects/replicate/replicate-scene.ts';
import { openReplicateScene, pathOf } from '../dialects/replicate/replicate-scene.ts';

/** Without a key, as anybody may. */
function read(scene: ReplicateScene, link: string): Promise<Got> {
  return scene.send('replicateReadOutput', pathOf(link), { key: null });
}

/** Links to the outputs of a prediction, as it is read now. */
async function linksOf(scene: ReplicateScene, id: string): Promise<string[]> {
  return (await scene.send('replicateGetPrediction', `/replicate/v1/predictions/${id}`)).json.output;
}

/** What storage was asked to link to. */
async function openLinking(...options: Parameters<typeof openReplicateScene>) {
  const linked: [tenantId: string, path: string, seconds: number][] = [];
  const base = await openReplicateScene(...options);
  const link: typeof base.blobs.link = (...ask) => {
    linked.push(ask);
    return base.blobs.link(...ask);
  };
  const scene = await openReplicateScene({ change: { ...base, blobs: { ...base.blobs, link } } });
  return { scene: { ...scene, key: base.key }, base, linked };
}

describe('302', () => {
  it('leads to the output, of the address that came with the prediction, as long as that lasts', async () => {
    const { scene, base, linked } = await openLinking();
    const { id } = (await base.draw()).json;
    await base.finish(id, 2);
    const [, second = ''] = await linksOf(base, id);
    await base.clock.advance(60_000);

    const got = await read(scene, second);

    expect(second).toMatch(/^https?:\/\/[^/]+\/replicate\/v1\/outputs\/[^/]+\/1\.png$/);
    expect([got.status, got.text]).toEqual([302, '']);
    expect(got.headers.location).toMatch(/^data:image\/png/);
    expect(linked).toEqual([['tenant-a', `jobs/${id}/1/1.png`, 840]]);
  });

  it('asks storage for nothing while nobody reads the file', async () => {
    const { scene, base, linked } = await openLinking();
    const { id } = (await base.draw()).json;
    await base.finish(id, 3);

    expect(await linksOf(base, id)).toHaveLength(3);

    expect(linked).toEqual([]);
    expect((await read(scene, (await linksOf(base, id))[0] ?? '')).status).toBe(302);
  });
});

describe('404', () => {
  it('opens to its pass alone, and to the one output, for fifteen minutes', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.draw()).json;
    await scene.finish(id, 2);
    const [first = ''] = await linksOf(scene, id);
    const wrong = [
      first.replace('/0.png', '/1.png'),
      first.replace('/0.png', '/00.png'),
      first.replace('/0.png', '/0'),
      first.replace('tenant-a', 'tenant-b'),
      first.replace('.', 'x.'),
      `${urls.stream.replace('/streams/', '/outputs/')}/0.png`,
    ];

    for (const link of wrong) expect((await read(scene, link)).json).toMatchObject({ status: 404 });
    expect((await read(scene, first)).status).toBe(302);
    await scene.clock.advance(15 * 60_000 + 1);
    expect((await read(scene, first)).json).toMatchObject({ status: 404 });
  });

  it('ends with the files', async () => {
    const scene = await openReplicateScene({ tenant: sampleTenant({ overrides: { retention_days: 1 } }) });
    const { id } = (await scene.draw()).json;
    await scene.finish(id);
    await scene.clock.advance(86_400_000 - 60_000);
    const [link = ''] = await linksOf(scene, id);

    expect((await read(scene, link)).status).toBe(302);
    await scene.clock.advance(60_000);

    expect((await read(scene, link)).json).toMatchObject({ status: 404 });
  });
});
