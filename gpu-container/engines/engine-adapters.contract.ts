/** What the suite of every engine that takes adapters asks of them; see `engine.contract.ts`. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { loraFile } from '#core/adapter/file-under-test.ts';
import type { RunMessage } from '../protocol/messages.ts';
import type { ModelScene } from './contract-scene.ts';
import { sha256Of } from './contract-scene.ts';
import type { RunnerUnderTest } from './runner-under-test.ts';
import { endOf } from './runner-under-test.ts';

type RunAdapter = RunMessage['adapters'][number];

export function describeAdapters(
  { name, sample: { quick }, shared, batchOf }: ModelScene,
  [first, second]: readonly [string, string],
): void {
  describe(`${name} engine: adapters`, () => {
    let runner: RunnerUnderTest;
    let batches = 0;
    beforeAll(() => {
      runner = shared();
    });

    /** The hashes of what `quick` makes under these adapters, or the code of its failure. */
    async function run(own: readonly RunAdapter[]): Promise<readonly string[] | string> {
      batches += 1;
      const batch = batchOf(`batch_adapted_${batches}`, [{ id: `adapted_${batches}`, params: quick }]);
      runner.send({ ...(await runner.prepare(batch)), adapters: [...own] });
      const end = await runner.frame(endOf(`adapted_${batches}`, batch.batchId));
      return end.type === 'result' ? end.files.map((file) => file.sha256) : end.code;
    }

    it('draw something else each, the same each time, and the plain model again without them', async () => {
      const [one, other] = [await adapterOf(first), await adapterOf(second)];

      const plain = await run([]);
      const looks = [await run([one]), await run([other]), await run([one, other])];
      const again = [await run([one]), await run([other]), await run([one, other])];

      expect(new Set([plain, ...looks].map(String)).size).toBe(4);
      expect(again).toEqual(looks);
      expect(await run([])).toEqual(plain);
    });

    it('draw the plain model at weight 0, and something else at each other weight', async () => {
      const one = await adapterOf(first);

      const [plain, none] = [await run([]), await run([{ ...one, weight: 0 }])];
      const weighed: unknown[] = [];
      for (const weight of [0.5, 1, -1]) weighed.push(await run([{ ...one, weight }]));

      expect(none).toEqual(plain);
      expect(new Set([plain, ...weighed].map(String)).size).toBe(4);
    });

    it.each([
      ['a file that is not there', { path: '/nowhere/adapter.safetensors', sha256: 'f'.repeat(64) }],
      ['another file than was said', { sha256: '0'.repeat(64) }],
    ])('end every item and spare the runner where one is %s', async (_, change) => {
      const one = await adapterOf(first);

      expect(await run([{ ...one, ...change }])).toBe('ADAPTER_INVALID');

      expect(await run([one])).toHaveLength(2);
    });

    it.each([
      ['is no adapter', () => Buffer.from('no safetensors')],
      ['changes a layer that the model does not have', () => loraFile(2, 'no.such.layer')],
    ])('end every item where a file %s', async (_, make) => {
      const folder = await mkdtemp(join(tmpdir(), 'pilotlight-test-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      const path = join(folder, 'wrong.safetensors');
      await writeFile(path, make());

      expect(await run([await adapterOf(path)])).toBe('ADAPTER_INVALID');
    });
  });
}

async function adapterOf(path: string): Promise<RunAdapter> {
  return { id: 'adapter_1', path, sha256: sha256Of(await readFile(path)), weight: 1 };
}
