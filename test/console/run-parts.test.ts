import { expect, test } from 'vitest';
import { alignSteps, groupSteps } from '../../src/console/compare/aligned-steps.ts';
import { copyComparison } from '../../src/console/compare/copy-comparison.ts';
import { textRows } from '../../src/console/compare/text-rows.ts';
import { copyFork } from '../../src/console/forks/copy-fork.ts';
import { layoutOf } from '../../src/console/graph/layout.ts';
import { memberStates } from '../../src/console/graph/member-states.ts';
import { END, graphOf, START } from '../../src/console/graph/workflow-graph.ts';
import type { TimelineStep, TreeRun } from '../../src/console/server/operations.generated.ts';
import type { StepChange } from '../../src/contracts/runs/comparison.ts';

// The parts of the run page and of the comparison that need no browser.

const change = (what: StepChange['what'], a: number | null, b: number | null): StepChange => ({
  ...{ what, a, b, kind: 'tool', name: 'n', differences: [] },
});
const compared = (same: number, changes: StepChange[], left_off = 0) => ({
  steps: { ...{ same, changed: 0, only_a: 0, only_b: 0, parts_at: null }, changes, left_off },
});

test('equal steps are placed between the changes, in both runs', () => {
  const rows = alignSteps(
    compared(4, [change('only_b', null, 3), change('changed', 3, 4), change('only_a', 5, null)]),
  );
  expect(rows.map(({ a, b, change: of }) => [a, b, of?.what])).toEqual([
    [1, 1, undefined],
    [2, 2, undefined],
    [undefined, 3, 'only_b'],
    [3, 4, 'changed'],
    [4, 5, undefined],
    [5, undefined, 'only_a'],
    [6, 6, undefined],
  ]);
  const groups = groupSteps(rows);
  expect(
    groups.map((one) => (one.kind === 'equal' ? one.steps.length : one.step.change.what)),
  ).toEqual([2, 'only_b', 'changed', 1, 'only_a', 1]);
});

test('after changes that are left off, the rest of the steps is unknown', () => {
  expect(alignSteps(compared(9, [change('changed', 2, 2)], 5))).toHaveLength(2);
});

test('texts stand side by side with the words that differ', () => {
  const [row] = textRows('the total is 42', 'the total is 43');
  expect(row?.a?.filter(({ isChanged }) => isChanged).map(({ text }) => text)).toEqual(['42']);
  expect(row?.b?.filter(({ isChanged }) => isChanged).map(({ text }) => text)).toEqual(['43']);
  const json = textRows('{"a":1,"b":2}', '{"a":1,"b":3}');
  expect(json.map(({ isSame }) => isSame)).toEqual([true, true, false, true]);
  expect(textRows(null, 'new')).toMatchObject([{ a: undefined, b: [{ text: 'new' }] }]);
});

test('a fork is copied as what can express it', () => {
  const id = '01a219e4-6fc6-7aa2-ae61-e88492647c09';
  const url = new URL(`http://127.0.0.1:8000/api/executions/${id}/fork`);
  const forms = copyFork({ id, seq: 0, input: "it's", inputData: { n: 1 }, version: 3 }, url);
  expect(forms.sql).toBe(
    `select id from howdah.fork_execution('${id}', 0, input => 'it''s', version => 3, input_data => '{"n":1}');`,
  );
  expect(forms.cli).toBe(
    `npx howdah runs fork ${id} --seq 0 --input 'it'\\''s' --data '{"n":1}' --version 3`,
  );
  expect(copyFork({ id, seq: 2, input: '@file' }, url).cli).toBe(
    `npx howdah runs fork ${id} --seq 2 --input @@file`,
  );
  const other = copyFork({ id, seq: 2, overrides: { model: "it's" } }, url);
  expect(other.sql).toBe(
    `select id from howdah.fork_execution('${id}', 2, overrides => '{"model":"it''s"}');`,
  );
  expect(other.graphql).toContain(`overrides: { model: "it's" }`);
  expect(other.cli).toBe(`npx howdah runs fork ${id} --seq 2 --model 'it'\\''s'`);
});

test('the ids of a comparison stay ids in what is copied, whatever the URL says', () => {
  const [a, b] = [`1'); drop table x; --`, '2"; $(rm -r x)'];
  const forms = copyComparison(a, b, new URL('http://127.0.0.1:8000/api/executions/1'));
  expect(forms.sql).toBe(
    `select howdah.compare_executions('1''); drop table x; --', '2"; $(rm -r x)');`,
  );
  expect(forms.graphql).toContain(String.raw`b: "2\"; $(rm -r x)"`);
  expect(forms.cli).toBe(`npx howdah diff '1'\\''); drop table x; --' '2"; $(rm -r x)'`);
});

const team = (type: Parameters<typeof graphOf>[0]['type'], configuration = {}) => ({
  ...{ type, configuration, members: ['a', 'b', 'c'].map((name) => ({ name })) },
});
const columns = (graph: ReturnType<typeof graphOf>) => {
  const { places } = layoutOf(graph);
  const byX = Map.groupBy(graph.nodes, (name) => places.get(name)?.x ?? 0);
  return [...byX].toSorted(([a], [b]) => a - b).map(([, names]) => names);
};

test('members stand in the order in which they work', () => {
  expect(columns(graphOf(team('chain')))).toEqual([[START], ['a'], ['b'], ['c'], [END]]);
  expect(columns(graphOf(team('voting')))).toEqual([[START], ['a', 'b', 'c'], [END]]);
  expect(columns(graphOf(team('parallel', { aggregator: 'b' })))).toEqual([
    [START],
    ['a', 'c'],
    ['b'],
    [END],
  ]);
});

test('a cycle of a graph leads back, and what no edge leaves gives the answer', () => {
  const edges = [
    { from: 'a', to: 'b', when: "output == 'red'" },
    { from: 'b', to: 'a' },
    { from: 'a', to: 'c' },
  ];
  const graph = graphOf(team('graph', { start: 'a', edges }));
  expect(graph.edges).toContainEqual({ from: 'a', to: 'b', label: "output == 'red'" });
  expect(graph.edges).toContainEqual({ from: 'c', to: END });
  expect(columns(graph)).toEqual([[START], ['a'], ['b', 'c'], [END]]);
});

test('a graph can begin with several members', () => {
  const graph = graphOf(team('graph', { start: ['a', 'b'], edges: [{ from: 'a', to: 'c' }] }));
  expect(graph.edges.filter(({ from }) => from === START).map(({ to }) => to)).toEqual(['a', 'b']);
});

test('a member has the state of its run at work, and a person that of the question', () => {
  const step = (seq: number, kind: TimelineStep['kind'], name: string): TimelineStep => ({
    ...{ executionId: 'w', seq, kind, name, ms: '1', startedAt: null },
    ...{ tokensIn: 0, tokensOut: 0, cost: '0', error: null, said: null },
  });
  const run = (id: string, status: TreeRun['status']): TreeRun => ({
    ...{ id, status, parentExecutionId: 'w', createdAt: '', runAt: '', waitingFor: null },
    ...{ startedAt: null, completedAt: null, tokensIn: '0', tokensOut: '0', cost: '0' },
    ...{ agent: null, workflow: null },
  });
  const steps = [
    step(1, 'child_started', 'a'),
    step(2, 'child', 'a'),
    step(3, 'child_started', 'a'),
    step(4, 'question', 'boss'),
  ];
  const starts = new Map([
    [1, 'r1'],
    [3, 'r2'],
  ]);
  const states = memberStates(steps, starts, [run('r1', 'completed'), run('r2', 'running')]);
  expect(states.get('a')).toMatchObject({ status: 'running', count: 2, runId: 'r2' });
  expect(states.get('boss')).toMatchObject({ status: 'waiting', waitingFor: 'question' });
  expect(states.get('b')).toBeUndefined();
});
