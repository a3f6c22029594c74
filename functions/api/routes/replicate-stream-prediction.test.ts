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

/** As a browser does whose stream broke off. */
function comeBack(scene: ReplicateScene, link: string, lastEventId: string): Promise<Got> {
  const headers = { 'Last-Event-ID': lastEventId };
  return scene.send('replicateStreamPrediction', pathOf(link), { key: null, headers });
}

function idsOf(got: Got): string[] {
  return blocksOf(got).map(([first]) => first?.replace(/^id: /, '') ?? '');
}

function say(
  scene: ReplicateScene,
  id: string,
  { attempt, at, text }: { attempt: number; at: number; text: string },
) {
  const piece = { attempt, at, text, isLast: false, toldAtMs: scene.clock.nowMs() };
  return scene.jobEvents.append('tenant-a', id, piece);
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
      ['output', expect.stringMatching(/\/replicate\/v1\/outputs\/.+\/0\.png$/)],
      ['done', '{}'],
    ]);
  });

  it('gives every event an id, because the client of PyPI passes over those without one', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.draw()).json;
    await scene.finish(id);
    const { urls: failing } = (await scene.chat({ input: { prompt: 'one', fault: 'error' } })).json;
    const failed = await scene.whileWorking(follow(scene, failing.stream));

    expect(idsOf(await follow(scene, urls.stream))).toEqual(['1-1', 'done']);
    expect(idsOf(failed).slice(-2)).toEqual([expect.stringMatching(/^\d-\d+$/), 'done']);
  });

  it('goes on after any of its events, with no text twice and none lost', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.chat({ input: { prompt: 'one two three four five' } })).json;
    const live = await scene.whileWorking(follow(scene, urls.stream));

    const told = eventsOf(live);
    const ids = idsOf(live);
    const { text = '' } = (await scene.jobOf(id)).outputs[0] ?? {};
    const saidIn = (events: string[][]) =>
      events
        .filter(([name]) => name === 'output')
        .map(([, ...lines]) => lines.join('\n'))
        .join('');
    expect(saidIn(told)).toBe(text);
    expect(ids.length).toBeGreaterThan(2);
    for (const [index, lastEventId] of ids.slice(0, -1).entries()) {
      const rest = eventsOf(await comeBack(scene, urls.stream, lastEventId));
      expect(saidIn(told.slice(0, index + 1)) + saidIn(rest)).toBe(text);
      expect(rest.at(-1)).toEqual(['done', '{}']);
    }
  });

  it('goes on where the next attempt says the same, and ends in an error where it does not', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.chat()).json;
    await scene.start(id);
    const said = `${id} 0 `;
    await say(scene, id, { attempt: 1, at: 0, text: said });
    const { id: other, urls: otherUrls } = (await scene.chat({ input: { prompt: 'other' } })).json;
    await scene.start(other);
    await say(scene, other, { attempt: 1, at: 0, text: 'Once upon ' });
    await scene.clock.advance(60_000);

    const same = eventsOf(await scene.whileWorking(comeBack(scene, urls.stream, `1-${said.length}`)));
    const otherwise = await scene.whileWorking(comeBack(scene, otherUrls.stream, '1-10'));

    expect((await scene.jobOf(id)).attempt).toBe(2);
    const output = same.filter(([name]) => name === 'output').map(([, ...lines]) => lines.join('\n'));
    expect(output.join('')).toBe('one two');
    expect(same.at(-1)).toEqual(['done', '{}']);
    expect(eventsOf(otherwise)).toEqual([
      ['error', expect.stringContaining('otherwise')],
      ['done', '{"reason":"error"}'],
    ]);
    expect(idsOf(otherwise)).toEqual(['1-10', '1-10']);
  });

  it('tells the links that are left', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.draw()).json;
    await scene.finish(id, 3);

    const left = await Promise.all(
      ['1-0', '1-1', '1-3'].map(async (at) => eventsOf(await comeBack(scene, urls.stream, at)).length - 1),
    );

    expect(left).toEqual([3, 2, 0]);
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
    await say(scene, id, { attempt: 1, at: 0, text: 'Once upon' });
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

describe('204', () => {
  it('tells a reader that has seen the end not to come back', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.draw()).json;
    await scene.finish(id);

    const got = await comeBack(scene, urls.stream, 'done');

    expect([got.status, got.text]).toEqual([204, '']);
  });
});

describe('422', () => {
  it.each([
    ['', 'nothing'],
    ['done', 'the end of a prediction that has not ended'],
    ['2-0', 'an attempt that never was'],
    ['1-11', 'more text than there is'],
    ['7', 'no place'],
  ])('refuses the last event id "%s": %s', async (lastEventId) => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.chat()).json;
    await scene.start(id);
    await say(scene, id, { attempt: 1, at: 0, text: 'You said: ' });

    const got = await comeBack(scene, urls.stream, lastEventId);

    expect(got.status).toBe(422);
    expect(got.json).toMatchObject({ status: 422, invalid_fields: [{ field: 'last-event-id' }] });
  });

  it('refuses more than came of a prediction that has ended', async () => {
    const scene = await openReplicateScene();
    const { id, urls } = (await scene.draw()).json;
    await scene.finish(id);
    const { urls: said } = (await scene.chat()).json;
    await scene.whileWorking(follow(scene, said.stream));

    expect((await comeBack(scene, urls.stream, '1-2')).status).toBe(422);
    expect((await comeBack(scene, said.stream, '1-900')).status).toBe(422);
  });
});

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
