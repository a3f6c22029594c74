import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/** Files that take longest, 15 s or more, longest first: one that began last would be waited for alone. */
const longest = [
  'local/python-clients.test.ts',
  'local/fal-sdk.test.ts',
  'infra-tests/emulator/deploy.test.ts',
  'local/faults.test.ts',
  'local/main.test.ts',
  'local/replicate-sdk.test.ts',
  'gpu-container/engines/python/python-engine.test.ts',
  'local/python-models.test.ts',
  'gpu-container/engines/demo/shapes-gate.test.ts',
  'local/openai-sdk.test.ts',
  'gpu-container/worker/prewarm.test.ts',
  'local/runpod-sdk.test.ts',
  'local/streams.test.ts',
  'infra-tests/emulator/ports.test.ts',
  'gpu-container/worker/runner-client.test.ts',
  'local/operator-lines.test.ts',
  'infra-tests/cdk/synth.test.ts',
  'gpu-container/runner-host/walls.test.ts',
  'sim/world/world.test.ts',
  'aws/aws-ports.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = longest.indexOf(relative(import.meta.dirname, moduleId));
      return place === -1 ? longest.length : place;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

const exclude = ['node_modules/**', '.pilotlight/**', 'cdk.out/**'];

export default defineConfig({
  test: {
    exclude,
    setupFiles: ['sim/property-seed.ts'],
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'within a process',
          maxWorkers: '100%',
          sequence: { groupOrder: 1 },
          include: ['{aws,cli,core,functions}/**/*.{test,fuzz}.ts'],
          // Files of a process share what they load: to load it for each took six times as long as all else. So no file may
          // leave anything behind in a module, a global or the environment.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'processes',
          // Most of the time goes into waiting for processes.
          maxWorkers: availableParallelism() + 2,
          sequence: { groupOrder: 2 },
          include: ['**/*.{test,fuzz}.ts'],
          // For one that hangs: on a machine with other work, a start of Python or of a stack takes a minute.
          testTimeout: 120_000,
          hookTimeout: 240_000,
          exclude: [...exclude, '{aws,cli,core,functions}/**'],
        },
      },
    ],
  },
});
