import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/server.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Real servers and processes on what may be two cores: more files at once only make them slower.
    maxWorkers: 2,
  },
});
