import { describe, expect, test } from 'vitest';
import type {
  AgentDefinition,
  Team,
  WorkflowType,
} from '../../../src/contracts/agents/definition.ts';
import type { Action, NewTask, RunState, StepSummary } from '../../../src/contracts/runs/action.ts';
import type { Json, JsonObject } from '../../../src/json/json.ts';
import { strategyOf } from '../../../src/runtime/strategies/registry.ts';

/**
 * Simulates a workflow without a database: members answer, the deciding model decides, and the log
 * grows.
 */
function simulateWorkflow(type: WorkflowType, members: string[], configuration: JsonObject = {}) {
  const workflow: Team = {
    type,
    configuration,
    members: members.map((name) => ({ name, agent_id: name, configuration: {} })),
  };
  const definition = {
    agent: {
      name: 'team',
      instruction: '',
      system_prompt: null,
      use_history: false,
      output_schema: null,
    },
    models: [{ id: 'm', name: 'm', provider: 'openai', model: 'm' }],
    tools: [],
    workflow,
  } as unknown as AgentDefinition;
  const next = strategyOf({ is_compensation: false }, definition);
  let state: RunState = {
    history: [],
    messages: [{ role: 'user', content: 'go', seq: 1 }],
    steps_since_answer: [],
    exhausted: null,
    trust: 'user',
    messages_at_retry: 0,
    refused: {},
    rules: { approved: [], asked: [], withdrawn: {}, decided: {}, approved_for: {} },
    task: { input: 'go', data: null },
  };
  const log = (...notes: Partial<StepSummary>[]) => {
    const whole = notes.map((note) => ({
      kind: 'child' as const,
      name: null,
      call_id: null,
      input: null,
      output: null,
      error: null,
      ...note,
    }));
    state = { ...state, steps_since_answer: [...state.steps_since_answer, ...whole] };
  };
  return {
    next: (): Action => next(definition, state),
    /** Returns the tasks that start now, and logs their start. */
    begins(): NewTask[] {
      const action = next(definition, state);
      if (action.type !== 'begin_members') throw new Error(`it does not begin: ${action.type}`);
      log(
        ...action.tasks.map(({ id, member }) => ({
          kind: 'child_started' as const,
          name: member,
          call_id: id,
        })),
      );
      return action.tasks;
    },
    answers(id: string, output: string, output_data: Json = null) {
      log({ call_id: id, output: { status: 'completed', output, output_data } });
    },
    fails(id: string, message: string) {
      log({ call_id: id, output: { status: 'failed', error: { message } } });
    },
    decides(value: JsonObject | string) {
      const content = typeof value === 'string' ? value : JSON.stringify(value);
      const seq = state.messages.length + 1;
      log({ kind: 'model' });
      state = { ...state, messages: [...state.messages, { role: 'assistant', content, seq }] };
    },
    scores(scores: Record<string, number>) {
      const scoreList = Object.entries(scores).map(([member, score]) => ({ member, score }));
      log({ kind: 'model', output: { dimensions: 2, scores: scoreList } });
    },
    /** Erases the contents of the log. */
    isErased() {
      state = {
        ...state,
        steps_since_answer: state.steps_since_answer.map((note) => ({ ...note, output: null })),
      };
    },
    /** Returns the message of the guard, and logs it. */
    guardMessage(): string {
      const action = next(definition, state);
      if (action.type !== 'guard') throw new Error(`nothing is told: ${action.type}`);
      const { message: content } = action;
      const seq = state.messages.length + 1;
      log({ kind: 'guard', name: action.name });
      state = { ...state, messages: [...state.messages, { role: 'user', content, seq }] };
      return content;
    },
    isRetried() {
      log({ kind: 'retry', name: 'retry_execution' });
      state = { ...state, messages_at_retry: state.messages.length };
    },
    withData(data: Json) {
      state = { ...state, task: { input: 'go', data } };
    },
    isExhausted: () => {
      state = { ...state, exhausted: 'max_tokens' };
    },
  };
}

const idsOf = (tasks: NewTask[]) => tasks.map(({ id }) => id);

describe('a router by embeddings', () => {
  const byScores = (configuration: JsonObject = {}) =>
    simulateWorkflow('router', ['a', 'b', 'c'], { method: 'embedding', ...configuration });

  test('compares the task with each member description once', () => {
    const team = byScores();
    expect(team.next()).toMatchObject({
      type: 'embed',
      model: { name: 'm' },
      attempt: 1,
      query: 'go',
      texts: [
        { member: 'a', text: 'a' },
        { member: 'b', text: 'b' },
        { member: 'c', text: 'c' },
      ],
    });
    team.scores({ a: 0.1, b: 0.3, c: 0.3 });
    expect(team.next()).toMatchObject({
      type: 'begin_members',
      decision: {
        output: {
          method: 'embedding',
          chosen: [{ member: 'b', confidence: 0.3 }],
          candidates: [
            { member: 'a', score: 0.1 },
            { member: 'b', score: 0.3 },
            { member: 'c', score: 0.3 },
          ],
        },
      },
    });
    expect(idsOf(team.begins())).toEqual(['b']);
    expect(team.next()).toEqual({ type: 'wait', for: 'child' });
  });

  test.each([
    [{}, { a: 0, b: -1, c: -0.2 }, 'fail'],
    [{ fallback: 'c' }, { a: 0, b: -1, c: -0.2 }, ['c']],
    [{ top_k: 2 }, { a: 0.2, b: -1, c: 0.9 }, ['c', 'a']],
    [{ top_k: 3 }, { a: 0.2, b: -1, c: 0.9 }, ['c', 'a']],
    [{ top_k: 2, min_confidence: 0.5 }, { a: 0.2, b: 0.5, c: 0.9 }, ['c', 'b']],
    [{ min_confidence: 0.95, fallback: 'a' }, { a: 0.2, b: 0.5, c: 0.9 }, ['a']],
  ])('with %j and the scores %j chooses %j', (configuration, scores, chosen) => {
    const team = byScores(configuration);
    team.scores(scores);
    if (chosen === 'fail') {
      expect(team.next()).toMatchObject({
        error: { code: 'no_route' },
        decision: {
          name: 'route',
          output: {
            method: 'embedding',
            chosen: [],
            reason: expect.stringContaining('no member was chosen'),
            candidates: Object.entries(scores).map(([member, score]) => ({ member, score })),
          },
        },
      });
    }
    if (chosen !== 'fail') expect(idsOf(team.begins())).toEqual(chosen);
  });

  test('fails when a limit is exhausted, and embeds again after erasure', () => {
    const spent = byScores();
    spent.isExhausted();
    expect(spent.next()).toMatchObject({ type: 'fail', stop_reason: 'max_tokens' });
    const team = byScores();
    team.scores({ a: 1 });
    team.isErased();
    expect(team.next()).toMatchObject({ type: 'embed' });
    team.scores({ a: 1 });
    expect(idsOf(team.begins())).toEqual(['a']);
  });
});

test('the same log yields the same action', () => {
  const team = simulateWorkflow('parallel', ['a', 'b']);
  expect(team.next()).toEqual(team.next());
});

test('starts no member when a limit is exhausted', () => {
  const team = simulateWorkflow('chain', ['a']);
  team.isExhausted();
  expect(team.next()).toMatchObject({ type: 'fail', stop_reason: 'max_tokens' });
});

test('a chain reports an invalid condition', () => {
  const team = simulateWorkflow('chain', ['a'], { stop_when: 'output ==' });
  expect(team.next()).toMatchObject({ type: 'fail', error: { code: 'invalid_condition' } });
});

test('a chain waits, continues, and retries a failed member on request', () => {
  const team = simulateWorkflow('chain', ['a', 'b']);
  expect(team.begins()).toMatchObject([{ id: '1', member: 'a', input: 'go' }]);
  expect(team.next()).toEqual({ type: 'wait', for: 'child' });
  team.answers('1', 'first');
  expect(team.begins()).toMatchObject([{ id: '2', member: 'b', input: 'first' }]);
  team.fails('2', 'too hard');
  expect(team.next()).toMatchObject({
    type: 'fail',
    error: { code: 'member_failed', message: 'member b failed: too hard' },
  });
  team.isRetried();
  expect(team.begins()).toMatchObject([{ id: '2' }]);
  team.answers('2', 'second', { n: 2 });
  expect(team.next()).toMatchObject({ type: 'finish', output: 'second', output_data: { n: 2 } });
});

describe('parallel members', () => {
  test('under a quorum are waited for while the quorum can be met', () => {
    const team = simulateWorkflow('parallel', ['a', 'b', 'c'], { on_failure: 'quorum', quorum: 2 });
    expect(team.next()).toMatchObject({ wakes_on: 'last' });
    team.begins();
    team.fails('a', 'no');
    expect(team.next()).toMatchObject({ type: 'wait' });
    team.fails('b', 'no');
    expect(team.next()).toMatchObject({ type: 'fail' });
  });
});

describe('a deciding model', () => {
  const pick = (member: string, confidence = 1) => ({
    members: [{ member, confidence, reason: '' }],
  });

  test('can choose only among the names of the members', () => {
    const action = simulateWorkflow('router', ['a', 'b']).next();
    expect(action).toMatchObject({ type: 'call_model', decision: { name: 'route' } });
    expect(JSON.stringify(action)).toContain('"enum":["a","b"]');
  });

  test('receives validation errors, and fails the run after three invalid answers', () => {
    const team = simulateWorkflow('router', ['a', 'b']);
    team.decides('I would take a.');
    expect(team.next()).toMatchObject({ type: 'guard', name: 'decision' });
    expect(team.guardMessage()).toContain('route was not called');
    expect(team.next()).toMatchObject({
      type: 'call_model',
      messages: [{}, {}, { role: 'assistant' }, { content: expect.stringContaining('route') }],
    });
    team.decides(pick('c'));
    expect(team.guardMessage()).toContain('members.0.member');
    team.decides(pick('a', 7));
    expect(team.next()).toMatchObject({ type: 'fail', error: { code: 'invalid_output' } });
    team.isRetried();
    expect(team.guardMessage()).toContain('members.0.confidence');
    expect(team.next()).toMatchObject({ type: 'call_model', decision: { name: 'route' } });
  });

  test('receives the results of an orchestrator, also for its final answer', () => {
    const team = simulateWorkflow('orchestrator', ['a', 'b'], { max_plans: 1 });
    team.decides({
      steps: [
        [
          { member: 'a', task: 'x' },
          { member: 'b', task: 'y' },
        ],
      ],
    });
    expect(idsOf(team.begins())).toEqual(['1.1.1', '1.1.2']);
    team.answers('1.1.1', 'ex');
    team.fails('1.1.2', 'no');
    const action = team.next();
    expect(action).toMatchObject({ decision: { parameters: { required: ['answer'] } } });
    expect(JSON.stringify(action)).toMatch(/ex.*failed: no/);
    team.decides({ answer: 'done' });
    expect(team.next()).toMatchObject({ type: 'finish', output: 'done' });
  });

  test('that plans too many tasks is stopped', () => {
    const team = simulateWorkflow('orchestrator', ['a'], { max_tasks: 1 });
    team.decides({
      steps: [
        [
          { member: 'a', task: 'x' },
          { member: 'a', task: 'y' },
        ],
      ],
    });
    expect(team.next()).toMatchObject({
      type: 'fail',
      error: { code: 'limit_reached', message: expect.stringContaining('max_tasks') },
    });
  });

  test('without enough confidence in any member yields no route', () => {
    const team = simulateWorkflow('router', ['a', 'b'], { min_confidence: 0.9 });
    team.decides(pick('a', 0.2));
    expect(team.next()).toMatchObject({ type: 'fail', error: { code: 'no_route' } });
  });
});

describe('a vote', () => {
  const elect = (configuration: JsonObject, ...votes: string[]) => {
    const voters = votes.map((_, at) => `v${at}`);
    const team = simulateWorkflow('voting', voters, configuration);
    team.begins();
    votes.forEach((vote, at) => void team.answers(`v${at}`, vote));
    return team.next();
  };

  test('counts ranks', () => {
    expect(
      elect({ method: 'ranked' }, '["a","b","c"]', '1. b\n2. a\n3. c', '- b\n- c\n- a'),
    ).toMatchObject({ output: 'b' });
  });

  test('fails when all voters fail', () => {
    const team = simulateWorkflow('voting', ['a', 'b']);
    team.begins();
    team.fails('a', 'no');
    team.fails('b', 'no');
    expect(team.next()).toMatchObject({ type: 'fail', error: { code: 'member_failed' } });
  });

  test('without a winner reports whether votes tied or were missing', () => {
    expect(elect({ ties: 'fail' }, 'a', 'b')).toMatchObject({ error: { code: 'tied_vote' } });
    expect(elect({ method: 'ranked' }, '[]', '[]')).toMatchObject({
      error: { code: 'no_votes' },
    });
  });
});

describe('a graph', () => {
  const edge = (from: string, to: string, when?: string) => ({
    from,
    to,
    ...(when ? { when } : {}),
  });

  test('starts at nodes without incoming edges, and joins the branches that can still arrive', () => {
    const team = simulateWorkflow('graph', ['a', 'b', 'c'], {
      edges: [edge('a', 'c'), edge('b', 'c')],
    });
    expect(idsOf(team.begins())).toEqual(['a#1', 'b#1']);
    team.answers('a#1', 'one');
    expect(team.next()).toMatchObject({ type: 'wait' });
    team.answers('b#1', 'two');
    expect(team.begins()).toMatchObject([{ id: 'c#1', input: 'a:\none\n\nb:\ntwo' }]);
    team.answers('c#1', 'three');
    expect(team.next()).toMatchObject({ type: 'finish', output: 'three' });
  });

  test('continues with the results so far when no others can arrive', () => {
    const edges = [edge('a', 'c'), edge('b', 'c', 'output == "yes"')];
    const team = simulateWorkflow('graph', ['a', 'b', 'c'], { edges });
    team.begins();
    team.answers('a#1', 'one');
    team.answers('b#1', 'no');
    expect(team.begins()).toMatchObject([{ id: 'c#1', input: 'one' }]);
  });

  test('runs a node with an any join once for each result', () => {
    const team = simulateWorkflow('graph', ['a', 'b', 'c'], {
      edges: [edge('a', 'c'), edge('b', 'c')],
      joins: { c: 'any' },
    });
    team.begins();
    team.answers('b#1', 'two');
    expect(idsOf(team.begins())).toEqual(['c#1']);
    team.answers('a#1', 'one');
    expect(idsOf(team.begins())).toEqual(['c#2']);
    team.answers('c#2', 'x');
    team.answers('c#1', 'y');
    expect(team.next()).toMatchObject({ type: 'finish', output: 'c:\nx\n\nc:\ny' });
  });

  test.each(['output ==', 'output + "x"'])('reports the invalid condition %j', (when) => {
    const team = simulateWorkflow('graph', ['a', 'b'], { edges: [edge('a', 'b', when)] });
    if (when.endsWith('"')) {
      team.begins();
      team.answers('a#1', 'one');
    }
    expect(team.next()).toMatchObject({ type: 'fail', error: { code: 'invalid_condition' } });
  });

  test('decides an edge once, however many steps follow', () => {
    let reads = 0;
    const data: JsonObject = {
      get n(): number {
        reads += 1;
        return 1;
      },
    };
    const edges = [edge('a', 'b', 'data.n == 1'), edge('b', 'c'), edge('c', 'd')];
    const team = simulateWorkflow('graph', ['a', 'b', 'c', 'd'], { edges });
    team.begins();
    team.answers('a#1', 'one', data);
    team.begins();
    const before = reads;
    expect(before).toBeGreaterThan(0);
    for (const id of ['b#1', 'c#1']) {
      team.answers(id, 'x');
      expect(team.begins()).toHaveLength(1);
    }
    expect(reads).toBe(before);
  });

  test.each<[string, JsonObject[]]>([
    ['1001 edges', Array.from({ length: 1_001 }, (_, n) => edge(`n${n}`, 'b'))],
    ['201 outgoing edges', Array.from({ length: 201 }, () => edge('a', 'b'))],
    ['100020 characters', Array.from({ length: 20 }, () => edge('a', 'b', '!'.repeat(5_001)))],
  ])('does not begin with %s, which an earlier release stored', (excess, edges) => {
    const team = simulateWorkflow('graph', ['a', 'b'], { edges });
    expect(team.next()).toMatchObject({
      type: 'fail',
      stop_reason: 'error',
      error: { code: 'limit_reached', message: expect.stringContaining(excess) },
    });
  });

  test('takes the same steps however many results are read at once', () => {
    const edges = [edge('a', 'b', 'output != "stop"'), edge('b', 'a')];
    const slowly = simulateWorkflow('graph', ['a', 'b'], { start: 'a', edges });
    const words = ['one', 'two', 'three', 'stop'];
    for (const [at, word] of words.entries()) {
      const id = `${at % 2 === 0 ? 'a' : 'b'}#${Math.floor(at / 2) + 1}`;
      expect(idsOf(slowly.begins())).toEqual([id]);
      slowly.answers(id, word);
    }
    expect(idsOf(slowly.begins())).toEqual(['a#3']); // b said stop, which its edge does not require
  });
});

describe('many members', () => {
  const counted = (team: ReturnType<typeof simulateWorkflow>) => {
    const parts: { started: number; goes_on: boolean }[] = [];
    const started: string[] = [];
    for (let action = team.next(); action.type === 'begin_members'; action = team.next()) {
      parts.push({ started: action.tasks.length, goes_on: action.goes_on ?? false });
      started.push(...idsOf(team.begins()));
    }
    return { parts, started };
  };
  const names = Array.from({ length: 250 }, (_, at) => String(at + 1));
  const inParts = [
    { started: 100, goes_on: true },
    { started: 100, goes_on: true },
    { started: 50, goes_on: false },
  ];

  test.each(['parallel', 'voting', 'map', 'graph'] as const)(
    'of a %s start a hundred at a time, in order',
    (type) => {
      const team = simulateWorkflow(type, type === 'map' ? ['worker'] : names, { start: names });
      team.withData(names);
      const { parts, started } = counted(team);
      expect(parts).toEqual(inParts);
      expect(started).toEqual(type === 'graph' ? names.map((name) => `${name}#1`) : names);
      expect(team.next()).toEqual({ type: 'wait', for: 'child' });
    },
  );

  test('of a plan step start a hundred at a time, unless one has failed', () => {
    const plan = () => {
      const team = simulateWorkflow('orchestrator', ['a'], { max_tasks: 1_000 });
      team.decides({ steps: [names.map((task) => ({ member: 'a', task }))] });
      return team;
    };
    const team = plan();
    expect(counted(team).parts).toEqual(inParts);
    expect(team.next()).toEqual({ type: 'wait', for: 'child' });
    const failing = plan();
    failing.fails(failing.begins()[0]?.id ?? '', 'no');
    expect(failing.next()).toEqual({ type: 'wait', for: 'child' });
  });

  test('keep the workflow rules in each batch; under `fail` the first failure ends the run', () => {
    const team = simulateWorkflow('map', ['worker'], { max_concurrency: 7 });
    team.withData(names);
    expect(team.next()).toMatchObject({ at_once: 7, wakes_on: 'failure', goes_on: true });
    team.begins();
    expect(team.next()).toMatchObject({ at_once: 7, wakes_on: 'failure', goes_on: true });
    team.answers('1', 'one');
    team.fails('2', 'no');
    expect(team.next()).toMatchObject({
      type: 'fail',
      error: { message: expect.stringContaining('item 2') },
    });
  });

  test('all start under other policies, whichever of them fail', () => {
    const team = simulateWorkflow('map', ['worker'], { on_failure: 'ignore' });
    team.withData(names);
    for (const { id } of team.begins()) team.fails(id, 'no');
    expect(team.next()).toMatchObject({ type: 'begin_members', goes_on: true });
  });
});

describe('a map', () => {
  test('passes each item to the worker, and reports which one failed', () => {
    const team = simulateWorkflow('map', ['worker'], { max_concurrency: 2 });
    team.withData(['x', { n: 1 }]);
    expect(team.next()).toMatchObject({ at_once: 2, wakes_on: 'failure' });
    expect(team.begins()).toMatchObject([{ input: 'go\n\nx' }, { input: 'go\n\n{"n":1}' }]);
    team.fails('2', 'no');
    expect(team.next()).toMatchObject({
      type: 'fail',
      error: { code: 'member_failed', message: expect.stringContaining('item 2') },
    });
  });

  test('rejects an input that is not a list or is too long', () => {
    const team = simulateWorkflow('map', ['worker']);
    expect(team.next()).toMatchObject({ type: 'fail', error: { code: 'invalid_request' } });
    team.withData(new Array(10_001).fill('x'));
    expect(team.next()).toMatchObject({ type: 'fail', error: { code: 'limit_reached' } });
  });

  test('of an empty list finishes at once', () => {
    const team = simulateWorkflow('map', ['worker']);
    team.withData([]);
    expect(team.next()).toMatchObject({ type: 'finish', output: '[]', output_data: [] });
  });
});
