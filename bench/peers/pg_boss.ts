import { PgBoss } from 'pg-boss';
import type { StartSystem } from '../processes/adapter.ts';
import { createRunEnds } from './run-ends.ts';

type StepPayload = { run: string; index: number };

export const start: StartSystem = async ({ job, step, onStart }) => {
  const isCrash = job.kind === 'crash';
  const supervision = isCrash ? { superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 } : {};
  const boss = new PgBoss({
    connectionString: job.url,
    max: job.connections,
    useListenNotify: true,
    ...supervision,
  });
  boss.on('error', (error) => console.error(String(error)));
  await boss.start();
  const queue = { notify: true, ...(isCrash ? { heartbeatSeconds: 10 } : {}) };
  for (const name of ['step', 'ping']) {
    await ((await boss.getQueue(name))
      ? boss.updateQueue(name, queue)
      : boss.createQueue(name, queue));
  }
  const runs = createRunEnds();
  const work = {
    batchSize: 1,
    localConcurrency: job.runsAtOnce,
    pollingIntervalSeconds: 0.5,
    // A retried job sends no notification, so polling must be more frequent than every 30 s.
    ...(isCrash ? { notifyPollingIntervalSeconds: 1 } : {}),
  };
  if (job.kind === 'latency') {
    await boss.work<{ id: string }>('ping', work, async (jobs) => {
      for (const { data } of jobs) {
        onStart(data.id);
      }
    });
  } else {
    await boss.work<StepPayload>('step', work, async (jobs) => {
      const { run, index } = (jobs[0] as { data: StepPayload }).data; // batchSize is 1
      const result = await step(run, index);
      if (index + 1 === job.stepsPerRun) {
        runs.end(run);
      } else {
        await boss.send('step', { run, index: index + 1, result });
      }
    });
  }
  return {
    async run(id) {
      const ended = runs.wait(id);
      await boss.send('step', { run: id, index: 0 });
      await ended;
    },
    async enqueue(id) {
      await boss.send('ping', { id });
    },
    stop: () => boss.stop({ graceful: false }),
  };
};
