import { describe, expect, it } from 'vitest';
import { apiLimits, streamLimits } from '#core/limits.ts';
import type { Got } from '../api-scene.ts';
import type { ReplicateScene } from '../dialects/replicate/replicate-scene.ts';
import { openReplicateScene, pathOf } from '../dialects/replicate/replicate-scene.ts';

/** Without a key, as clients ask for it. */
function follow(scene: ReplicateScene, link: string, gone?: AbortSignal): Promise<Got> {
  return scene.send('replicateStreamPrediction', pathOf(link), {
    key: null,
    ...(gone === undefined ? {} : { gone }),
  });
}

function blocksOf({ text }: Got): string[][] {
  const blocks = text.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'));
  return blocks.map((block) => block.split('\n'));
}

/** Without their ids. */
function eventsOf(got: Got): string[][] {
  return blocksOf(got).map(([, ...lines]) => lines.map((line) => line.replace(/^\w+: /, '')));
}

describe('200', () => {
  it('tells a text to its end, line by line', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.chat({ input: { prompt: 'one\ntwo' } })).json;

    const told = eventsOf(await scene.whileWorking(follow(scene, urls.stream)));

    const texts = told.filter(([event]) => event === 'output').map(([, ...lines]) => lines.join('\n'));
    const { outputs } = await scene.jobOf(id);
    expect(texts.join('')).toBe(outputs[0]?.text);
    expect(texts.join('')).toContain('one\ntwo');
    expect(told.at(-1)).toEqual(['done', '{}']);
  });

  it('tells links to what was drawn', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.draw()).json;
    await scene.finish(id);

    const told = eventsOf(await follow(scene, urls.stream));

    expect(told).toEqual([
      ['output', expect.stringMatching(/^data:/)],
      ['done', '{}'],
    ]);
  });

  it('numbers its events, because the client of PyPI passes over those without an id', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.draw()).json;
    await scene.finish(id);

    const told = blocksOf(await follow(scene, urls.stream));

    expect(told.map(([first]) => first)).toEqual(['id: 1', 'id: 2']);
  });

  it('tells why there is nothing', async () => {
    const scene = await openReplicateScene();
    const { urls } = (await scene.chat({ input: { prompt: 'one', fault: 'error' } })).json;
    const { id, urls: second } = (await scene.draw()).json;
    await scene.send('replicateCancelPrediction', `/replicate/v1/predictions/${id}/cancel`);

    expect(eventsOf(await scene.whileWorking(follow(scene, urls.stream))).slice(-2)).toEqual([
      ['error', 'The model failed on this input.'],
      ['done', '{"reason":"error"}'],
    ]);
    expect(eventsOf(await follow(scene, second.stream))).toEqual([['done', '{"reason":"canceled"}']]);
  });

  it('ends in an error when the next attempt writes something else, and leaves the prediction to it', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.chat()).json;
    const following = follow(scene, urls.stream);
    await scene.clock.advance(100);
    await scene.start(id);
    const piece = { attempt: 1, at: 0, isLast: false, toldAtMs: scene.clock.nowMs() };
    await scene.jobEvents.append('tenant-a', id, { ...piece, text: 'Once upon' });
    await scene.clock.advance(60_000);

    const told = eventsOf(await scene.whileWorking(following));

    expect(told).toEqual([
      ['output', 'Once upon'],
      ['error', expect.stringContaining('otherwise')],
      ['done', '{"reason":"error"}'],
    ]);
    expect((await scene.jobOf(id)).status).not.toBe('canceled');
  });

  it('says that the prediction goes on when the time of a stream is up', async () => {
    const scene = await openReplicateScene();
    const { urls } = (await scene.draw()).json;
    const answer = follow(scene, urls.stream);
    let isOver = false;
    void answer.then(() => {
      isOver = true;
    });
    while (!isOver) await scene.clock.advance(streamLimits.pingMs);

    const told = eventsOf(await answer);
    expect(told).toEqual([
      ['error', expect.stringContaining('goes on')],
      ['done', '{"reason":"error"}'],
    ]);
  });

  it('leaves the prediction alone when its reader goes', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.draw()).json;

    await follow(scene, urls.stream, AbortSignal.abort());

    expect((await scene.jobOf(id)).status).toBe('queued');
    expect(await scene.streams.open('tenant-a', 's-1', place(scene, 1))).toBe('opened');
  });
});

function place(scene: ReplicateScene, max: number) {
  const nowMs = scene.clock.nowMs();
  return { max, nowMs, untilMs: nowMs + streamLimits.placeMs };
}

describe('404', () => {
  it('opens to its pass alone, for fifteen minutes', async () => {
    const scene = await openReplicateScene();
    const { urls } = (await scene.draw()).json;
    const wrong = [
      `${urls.stream}x`,
      urls.stream.replace('tenant-a', 'tenant-b'),
      urls.stream.replace(/\.[^.]+$/, ''),
    ];

    for (const link of wrong) expect((await follow(scene, link)).json).toMatchObject({ status: 404 });
    await scene.clock.advance(apiLimits.outputUrlSeconds * 1000 + 1);
    expect((await follow(scene, urls.stream)).json).toMatchObject({ status: 404 });
  });
});

describe('429', () => {
  it('lets in as many streams as the tenant may have', async () => {
    const scene = await openReplicateScene();
    const { urls } = (await scene.draw()).json;
    const room = place(scene, streamLimits.openMax);
    for (let count = 0; count < streamLimits.openMax; count += 1) {
      await scene.streams.open('tenant-a', `s-${count}`, room);
    }

    expect((await follow(scene, urls.stream)).json.error.code).toBe('concurrency_limit');
  });
});
