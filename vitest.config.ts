import { defineConfig } from 'vitest/config';

const exclude = ['node_modules/**', '.pilotlight/**', 'cdk.out/**'];

export default defineConfig({
  test: {
    exclude,
    setupFiles: ['sim/property-seed.ts'],
    // Most of the time goes into waiting for processes: one file less than there are cores would be one at a time on two.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'within a process',
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
