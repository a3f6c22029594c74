import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.{test,fuzz}.ts'],
    exclude: ['node_modules/**', '.pilotlight/**', 'cdk.out/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
