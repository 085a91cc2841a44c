import { DBOS } from '@dbos-inc/dbos-sdk';
import type { StartSystem } from '../processes/adapter.ts';

export const start: StartSystem = async ({ job, step, onStart }) => {
  const workflow = DBOS.registerWorkflow(
    async (id: string) => {
      for (let index = 0; index < job.stepsPerRun; index += 1) {
        await DBOS.runStep(() => step(id, index), { name: 'step' });
      }
    },
    { name: 'bench' },
  );
  const ping = DBOS.registerWorkflow(async (id: string) => onStart(id), { name: 'ping' });
  DBOS.setConfig({
    name: 'bench',
    systemDatabaseUrl: job.url,
    systemDatabasePoolSize: job.connections,
    logLevel: 'error',
    applicationVersion: 'bench', // DBOS recovers only workflows of its own version
  });
  await DBOS.launch(); // recovers workflows of a killed process with this executor id
  if (job.kind === 'latency') {
    await DBOS.registerQueue('bench', { minPollingIntervalMs: 10, onConflict: 'always_update' });
  }
  return {
    async run(id) {
      await DBOS.withNextWorkflowID(id, () => workflow(id));
    },
    async enqueue(id) {
      await DBOS.startWorkflow(ping, { workflowID: id, queueName: 'bench' })(id);
    },
    stop: () => DBOS.shutdown(),
  };
};
