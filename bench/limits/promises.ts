import type { StartEngine } from '../processes/adapter.ts';

export const start: StartEngine = async ({ job, step }) => ({
  async run(id) {
    for (let index = 0; index < job.stepsPerRun; index += 1) {
      JSON.stringify(await step(id, index));
    }
  },
  stop: async () => {},
});
