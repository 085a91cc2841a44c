import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { filesOfRun, LONG, NIGHTLY } from './test/support/long.ts';
import { SlowestFirst } from './test/support/order.ts';
import { OWN_PROCESS } from './test/support/own-process.ts';

const { include, exclude } = filesOfRun(process.env, process.argv);

const common = {
  setupFiles: ['test/support/home.ts'],
  // Processes that tests start read and compile our sources once, not each time: half of what they cost.
  env: { NODE_COMPILE_CACHE: resolve('node_modules/.cache/test') },
  // Nothing is asserted of time: these are for what would never end, also on a machine that does much else.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  // What is waited for comes at once, or as late as a busy machine makes it.
  expect: { poll: { timeout: 240_000, interval: 20 } },
  // Two cores may be all there is. Files of `npm test` wait half of their time, so a third one fills
  // the gaps. The long tests start servers and processes, and more files only make them slower.
  maxWorkers: [LONG, NIGHTLY].includes(include) ? 2 : 3,
};

export default defineConfig({
  // Examples import the package by its name, as programs of users do.
  resolve: { alias: { howdah: resolve('src/index.ts') } },
  test: {
    globalSetup: ['test/support/server.ts'],
    maxWorkers: common.maxWorkers,
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        extends: true,
        test: {
          ...common,
          name: 'own process',
          include: OWN_PROCESS.filter(
            (file) => ![LONG, NIGHTLY].includes(include) || include.includes(file),
          ),
          exclude,
          isolate: true,
        },
      },
      {
        extends: true,
        test: {
          ...common,
          name: 'shared process',
          include,
          exclude: [...exclude, ...OWN_PROCESS],
          // Imports cost more than most tests. home.ts resets what files change outside modules.
          isolate: false,
        },
      },
    ],
  },
});
