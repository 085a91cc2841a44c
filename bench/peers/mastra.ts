import { Mastra } from '@mastra/core';
import { createStep, createWorkflow } from '@mastra/core/workflows';
import { PostgresStore } from '@mastra/pg';
import { z } from 'zod';
import type { StartSystem } from '../processes/adapter.ts';

const State = z.object({ run: z.string(), index: z.number(), result: z.unknown() });

/** The used part of a workflow. Its own type grows with every step. */
type WorkflowBuilder = {
  then(step: unknown): WorkflowBuilder;
  commit(): unknown;
};
type BenchWorkflow = {
  createRun(options: { runId: string }): Promise<{
    start(options: { inputData: unknown }): Promise<{ status: string; error?: unknown }>;
  }>;
  restartAllActiveWorkflowRuns(): Promise<unknown>;
};

export const start: StartSystem = async ({ job, step }) => {
  let chain = createWorkflow({
    id: 'bench',
    inputSchema: State,
    outputSchema: State,
  }) as unknown as WorkflowBuilder;
  for (let count = 0; count < job.stepsPerRun; count += 1) {
    chain = chain.then(
      createStep({
        id: `step${count}`,
        inputSchema: State,
        outputSchema: State,
        execute: async ({ inputData: { run, index } }) => ({
          run,
          index: index + 1,
          result: await step(run, index),
        }),
      }),
    );
  }
  chain.commit();
  const storage = new PostgresStore({
    id: 'bench',
    connectionString: job.url,
    max: job.connections,
  });
  await storage.init();
  const mastra = new Mastra({ storage, workflows: { bench: chain as never }, logger: false });
  const workflow = mastra.getWorkflow('bench' as never) as unknown as BenchWorkflow;
  return {
    async run(id) {
      const run = await workflow.createRun({ runId: id });
      const { status, error } = await run.start({ inputData: { run: id, index: 0, result: null } });
      if (status !== 'success') {
        throw new Error(`a run ended as ${status}: ${String(error)}`);
      }
    },
    async resume() {
      await workflow.restartAllActiveWorkflowRuns();
    },
    stop: () => storage.close(),
  };
};
