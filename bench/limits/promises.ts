import type { StartSystem } from '../processes/adapter.ts';

/**
 * Runs are promises in memory. The limit of what one process of Node can reach without a database.
 */
export const start: StartSystem = async ({ job, step }) => ({
  async run(id) {
    for (let index = 0; index < job.stepsPerRun; index += 1) {
      JSON.stringify(await step(id, index));
    }
  },
  stop: async () => {},
});
