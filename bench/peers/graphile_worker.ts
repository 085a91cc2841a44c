import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, makeWorkerUtils, run, runMigrations } from 'graphile-worker';
import pg from 'pg';
import type { StartSystem } from '../processes/adapter.ts';
import { createRunEnds } from './run-ends.ts';

/** The time after which an operator unlocks the jobs of a killed process. */
const OPERATOR_MS = 5_000;

type StepPayload = { run: string; index: number };

export const start: StartSystem = async ({ job, step, onStart }) => {
  const pgPool = new pg.Pool({ connectionString: job.url, max: job.connections });
  pgPool.on('error', () => {});
  const logger = new Logger(() => () => {});
  await runMigrations({ pgPool, logger });
  const utils = await makeWorkerUtils({ pgPool, logger });
  const runs = createRunEnds();
  const runner = await run({
    pgPool,
    logger,
    noHandleSignals: true,
    preset: {
      worker: {
        concurrentJobs: job.runsAtOnce,
        // The best setting for many jobs. A single job would wait until the queue is filled.
        ...(job.kind === 'steps' && { localQueue: { size: job.runsAtOnce * 2 } }),
      },
    },
    taskList: {
      async step(payload, helpers) {
        const { run: id, index } = payload as StepPayload;
        const result = await step(id, index);
        if (index + 1 === job.stepsPerRun) {
          runs.end(id);
          return;
        }
        const next = { run: id, index: index + 1, result };
        await helpers.addJob('step', next, { jobKey: `${id}:${index + 1}` });
      },
      async ping(payload) {
        onStart((payload as { id: string }).id);
      },
    },
  });
  return {
    async run(id) {
      const ended = runs.wait(id);
      await utils.addJob('step', { run: id, index: 0 }, { jobKey: `${id}:0` });
      await ended;
    },
    async enqueue(id) {
      await utils.addJob('ping', { id });
    },
    async resume() {
      await sleep(OPERATOR_MS);
      const { rows } = await pgPool.query(
        `select distinct locked_by from graphile_worker._private_jobs
         where locked_at < now() - interval '4 seconds'`,
      );
      await utils.forceUnlockWorkers(rows.map((row) => row.locked_by));
    },
    async stop() {
      await runner.stop();
      await utils.release();
    },
  };
};
