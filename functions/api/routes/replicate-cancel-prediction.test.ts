import { describe, expect, it } from 'vitest';
import { openReplicateScene } from '../dialects/replicate/replicate-scene.ts';

describe('200', () => {
  it('cancels, and answers the same when asked again', async () => {
    const scene = await openReplicateScene();
    const { id } = (await scene.draw()).json;
    const cancel = () => scene.send('replicateCancelPrediction', `/replicate/v1/predictions/${id}/cancel`);

    const [first, again] = [await cancel(), await cancel()];

    expect(first.json).toMatchObject({ id, status: 'canceled', error: 'The job was canceled.' });
    expect(again.json.status).toBe('canceled');
    expect((await scene.jobOf(id)).status).toBe('canceled');
  });
});

describe('404', () => {
  it('answers for a prediction that is not there', async () => {
    const scene = await openReplicateScene();

    const got = await scene.send('replicateCancelPrediction', '/replicate/v1/predictions/none/cancel');

    expect(got.json).toMatchObject({ title: 'Not found', status: 404 });
  });
});
