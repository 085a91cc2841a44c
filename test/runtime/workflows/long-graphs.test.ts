import { expect, test } from 'vitest';
import type { Team } from '../../../src/contracts/agents/definition.ts';
import type { RunState } from '../../../src/contracts/runs/action.ts';
import { traverseGraph } from '../../../src/runtime/teams/graph-traversal.ts';
import type { MemberTask } from '../../../src/runtime/teams/tasks.ts';
import { finish } from '../../support/work/finish.ts';

test('a loop whose answers also wait elsewhere is walked in linear time', () => {
  const visits = 2_000;
  const others = Array.from({ length: 199 }, (_, n) => `t${n}`);
  const members = ['a', 'b', 'never', ...others].map((name) => ({ name, agent_id: name }));
  const edges = [
    { from: 'a', to: 'b' },
    { from: 'b', to: 'a' },
    // these wait for both, and the second never runs
    ...others.flatMap((to) => [
      { from: 'a', to },
      { from: 'never', to },
    ]),
  ];
  const configuration = { start: 'a', edges, joins: { a: 'any' }, max_visits: visits };
  const team = { type: 'graph', configuration, members } as unknown as Team;
  const ids = Array.from({ length: visits - 1 }, (_, n) => [`a#${n + 1}`, `b#${n + 1}`]).flat();
  const task = { state: 'answered', output: 'x', data: null } as unknown as MemberTask;
  const state = {
    messages: [{ role: 'user', content: 'go', seq: 1 }],
    steps_since_answer: ids.map((call_id) => ({ kind: 'child', call_id })),
  } as unknown as RunState;
  const tasks = new Map(ids.map((id) => [id, task]));
  const walked = finish(() => traverseGraph(team, state, tasks));
  expect(walked).toMatchObject({ isOver: false, ends: [] });
  expect('visits' in walked && walked.visits.at(-1)?.id).toBe(`a#${visits}`);
});
