import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { filesOfRun } from './test/support/long.ts';
import { SlowestFirst } from './test/support/order.ts';

export default defineConfig({
  test: {
    ...filesOfRun(process.env, process.argv),
    globalSetup: ['test/support/server.ts'],
    setupFiles: ['test/support/home.ts'],
    // Processes that tests start read and compile our sources once, not each time: half of what they cost.
    env: { NODE_COMPILE_CACHE: resolve('node_modules/.cache/test') },
    // Nothing is asserted of time: these are for what would never end, also on a machine that does much else.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // What is waited for comes at once, or as late as a busy machine makes it.
    expect: { poll: { timeout: 60_000 } },
    // Real servers and processes on what may be two cores: more files at once only make them slower.
    maxWorkers: 2,
    sequence: { sequencer: SlowestFirst },
  },
});
