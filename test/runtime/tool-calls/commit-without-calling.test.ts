import { expect, test } from 'vitest';
import type { AgentDefinition } from '../../../src/contracts/agents/definition.ts';
import type { StepRecord } from '../../../src/contracts/runs/step.ts';
import type { HeldRun } from '../../../src/runtime/held-run/held-run.ts';
import { commitWithoutCalling } from '../../../src/runtime/tool-calls/commit-without-calling.ts';

/** Returns a run with slow filters, whose last answer contains this number of calls of an agent. */
function runWith(count: number) {
  const calls = Array.from({ length: count }, (_, n) => ({
    ...{ id: `call_${n}`, name: 'ask', arguments: `{"message":"${n}"}` },
  }));
  const looks: { call_id: string; end(): void }[] = [];
  const commits: StepRecord[][] = [];
  const tool = {
    ...{ name: 'ask', aliases: [], kind: 'agent', agent_id: 'a' },
    ...{ parameters: { type: 'object' }, configuration: {} },
  };
  const rules = { withdrawn: {}, asked: [], approved: [], decided: {}, approved_for: {} };
  const run = {
    ...{ isHeld: true, abort: new AbortController(), context: { tenant_id: 't' } },
    definition: { tools: [tool] } as unknown as AgentDefinition,
    state: {
      messages: [{ seq: 1, role: 'assistant', tool_calls: calls }],
      steps_since_answer: [],
      rules,
    },
    applyOutputFilters: (_: unknown, value: unknown, call_id: string) =>
      new Promise((resolve) => {
        const end = () => resolve({ isBlocked: false, value, guardSteps: [] });
        looks.push({ call_id, end });
      }),
    commit: async (records: StepRecord[]) => void commits.push(records),
  } as unknown as HeldRun;
  return { run, calls, looks, commits };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('filters check several children concurrently; steps keep the order of the calls', async () => {
  const { run, calls, looks, commits } = runWith(40);
  const settled = commitWithoutCalling(calls, run);
  await nextTurn();
  expect(looks).toHaveLength(16);
  while (looks.length > 0) {
    looks.pop()?.end();
    await nextTurn();
  }
  await settled;
  expect(commits).toHaveLength(1);
  expect(commits[0]?.map(({ call_id }) => call_id)).toEqual(calls.map(({ id }) => id));
});

test('a cancelled run filters no further child and commits nothing', async () => {
  const { run, calls, looks, commits } = runWith(40);
  const settled = commitWithoutCalling(calls, run);
  await nextTurn();
  run.abort.abort();
  for (const { end } of looks) end();
  await settled;
  expect(looks).toHaveLength(16);
  expect(commits).toEqual([]);
});
