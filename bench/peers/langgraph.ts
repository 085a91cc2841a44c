import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import pg from 'pg';
import type { StartSystem, StepResult } from '../processes/adapter.ts';

const State = Annotation.Root({
  run: Annotation<string>,
  index: Annotation<number>,
  result: Annotation<StepResult | null>,
});

export const start: StartSystem = async ({ job, step }) => {
  const pool = new pg.Pool({ connectionString: job.url, max: job.connections });
  const saver = new PostgresSaver(pool);
  await saver.setup();
  const graph = new StateGraph(State)
    .addNode('step', async ({ run, index }) => ({
      index: index + 1,
      result: await step(run, index),
    }))
    .addEdge(START, 'step')
    .addConditionalEdges('step', ({ index }) => (index < job.stepsPerRun ? 'step' : END), [
      'step',
      END,
    ])
    .compile({ checkpointer: saver });
  const invoke = (id: string, isKnown: boolean) =>
    graph.invoke(isKnown ? null : { run: id, index: 0, result: null }, {
      configurable: { thread_id: id },
      recursionLimit: 100,
      durability: 'sync',
    });
  return {
    async run(id) {
      await invoke(id, false);
    },
    async resume(ids) {
      const { rows } = await pool.query('select distinct thread_id from checkpoints');
      const known = new Set(rows.map((row) => row.thread_id));
      await Promise.all(ids.map((id) => invoke(id, known.has(id))));
    },
    stop: () => pool.end(),
  };
};
