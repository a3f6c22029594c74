import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.{test,fuzz}.ts'],
    exclude: ['node_modules/**', '.pilotlight/**', 'cdk.out/**'],
    // Most of the time goes into waiting for processes: one file less than there are cores would be one at a time on two.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
