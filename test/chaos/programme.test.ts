import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkEvidence, type Evidence } from '../../chaos/checks/check-round.ts';
import type { RunRow } from '../../chaos/checks/observe-round.ts';
import { formatReport, reportLines } from '../../chaos/checks/report.ts';
import { FAULTS, MODEL_FAULTS, planFaults, planModelFault } from '../../chaos/faults/faults.ts';
import {
  type ChaosModel,
  readConversation,
  startChaosModel,
} from '../../chaos/load/chaos-model.ts';
import { expectedOutput, simulateTeam } from '../../chaos/load/expected-output.ts';
import {
  expectedFinalAnswer,
  findPlannedCall,
  type PlannedRun,
  planRun,
  planRuns,
  TEAM_NAMES,
} from '../../chaos/load/plan.ts';
import type { SubmittedRun } from '../../chaos/load/submit-runs.ts';
import { selectScenarios } from '../../chaos/matrix.ts';
import { COVERED, SCENARIOS } from '../../chaos/matrix-rows.ts';
import { readOptions } from '../../chaos/options.ts';

// Tests of the chaos programme itself: its plan follows from the seed, its checker finds every kind
// of breach, and its options and reports are correct.

describe('a chaos plan', () => {
  test('is the same for the same seed, whatever was planned before', () => {
    const plan = JSON.stringify([planRuns(7, 3, 50, 1_000), planFaults(7, 3, 60_000, 500)]);
    planRuns(8, 1, 10, 1_000);
    expect(JSON.stringify([planRuns(7, 3, 50, 1_000), planFaults(7, 3, 60_000, 500)])).toBe(plan);
    expect(JSON.stringify([planRuns(8, 3, 50, 1_000), planFaults(8, 3, 60_000, 500)])).not.toBe(
      plan,
    );
  });

  test('soon contains every kind of fault, control and call', () => {
    const runs = planRuns(1, 1, 500, 1_000);
    const controls = new Set(runs.map(({ control }) => control.do));
    expect([...controls].toSorted()).toEqual(['cancel', 'fork', 'nothing', 'pause', 'steer']);
    const tools = new Set(runs.flatMap(({ turns }) => turns.flat().map(({ tool }) => tool)));
    expect([...tools].toSorted()).toEqual([
      'ask_user',
      'book',
      'careful',
      'helper',
      'look',
      'note',
      'pay',
    ]);
    expect(new Set(runs.map(({ session }) => session?.policy))).toEqual(
      new Set([undefined, 'queue', 'interrupt']),
    );
    const teams = new Set(planRuns(1, 1, 2_000, 1_000).flatMap(({ team }) => team ?? []));
    expect([...teams].toSorted()).toEqual([...TEAM_NAMES].toSorted());
    const faults = new Set(planFaults(1, 1, 600_000, 500).map(({ kind }) => kind));
    expect([...faults].toSorted()).toEqual([...FAULTS].toSorted());
  });

  test('finds a call by its key', () => {
    const calls = planRuns(5, 1, 50, 0).flatMap(({ turns }) => turns.flat());
    expect(calls.map(({ key }) => findPlannedCall(5, key))).toEqual(calls);
  });
});

describe('a failing model', () => {
  test('fails at most twice in a row, and hangs at most once', () => {
    const turns = Array.from({ length: 2_000 }, (_, index) =>
      [0, 1, 2].map((nth) => planModelFault(3, `1.${index}`, 0, nth, MODEL_FAULTS, 1)),
    );
    expect(turns.every(([first]) => first !== undefined)).toBe(true);
    expect(turns.some(([, second]) => second !== undefined)).toBe(true);
    expect(turns.every(([, , third]) => third === undefined)).toBe(true);
    const silent = turns.filter((faults) =>
      faults.some((fault) => fault === 'hang' || fault === 'stalled_stream'),
    );
    expect(silent.every(([, second]) => second === undefined)).toBe(true);
    expect(new Set(turns.flat().filter(Boolean))).toEqual(new Set(MODEL_FAULTS));
  });
});

describe('the model server', () => {
  let model: ChaosModel;
  beforeAll(async () => {
    model = await startChaosModel(4, []);
  });
  afterAll(() => model.server.close());

  test('plays a conversation to its expected answer', async () => {
    const run = planRuns(4, 1, 50, 0).find(({ turns }) => turns.flat().length > 3) as PlannedRun;
    const messages: object[] = [{ role: 'user', content: `Please do key=${run.key}` }];
    for (const turn of run.turns) {
      const answer = await ask(messages);
      expect(answer.tool_calls).toHaveLength(turn.length);
      messages.push({ role: 'assistant', tool_calls: answer.tool_calls });
      const results = answer.tool_calls?.map(({ id, function: { name } }, index) => ({
        role: 'tool',
        tool_call_id: id,
        content:
          name === 'helper'
            ? expectedFinalAnswer(4, planRun(4, turn[index]?.key ?? '', 0))
            : `[${turn[index]?.rejected ? 'rejected' : name}:${turn[index]?.key}]`,
      }));
      messages.push(...(results ?? []).toReversed()); // they arrive in any submitted
      messages.push({ role: 'user', content: '[steer:x]' });
    }
    expect((await ask(messages)).content).toBe(expectedFinalAnswer(4, run));
    expect(model.requests.get(run.key)).toBe(run.turns.length + 1);
  });

  test('uses the last key in the conversation', () => {
    const messages = [
      { role: 'user', content: 'key=1.1' },
      { role: 'assistant', content: 'done' },
      { role: 'user', content: 'key=1.2' },
    ];
    expect(readConversation(messages)).toEqual({ key: '1.2', turn: 0, results: [] });
  });

  async function ask(messages: object[]) {
    const response = await fetch(`${model.server.url}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ messages, stream: false }),
    });
    const { choices } = (await response.json()) as {
      choices: {
        message: {
          content: string | null;
          tool_calls?: { id: string; function: { name: string } }[];
        };
      }[];
    };
    return choices[0]?.message ?? { content: null };
  }
});

describe('the checker', () => {
  const book = { tool: 'book', key: '1.0/0-0', rejected: false } as const;
  const pay = { tool: 'pay', key: '1.0/0-1', rejected: false } as const;
  const plan: PlannedRun = {
    ...planRun(1, '1.0', 0),
    control: { do: 'nothing' },
    turns: [[book, pay]],
  };
  const submitted: SubmittedRun = { plan, id: 'a', isAcknowledged: true };
  const run: RunRow = {
    id: 'a',
    key: '1.0',
    status: 'completed',
    stop_reason: 'final_answer',
    error_code: null,
    output: expectedFinalAnswer(1, planRun(1, '1.0', 0)),
    parent: null,
    root: 'a',
    forked_from: null,
    session_id: null,
    ended: 9,
    model_steps: 2,
    model_retries: 0,
    interruptions: 0,
    inputs: [],
  };
  const paid = { tool: 'pay', key: pay.key, idempotency_key: 'a:2:c', execution_id: 'a' };
  const correct: Evidence = {
    seed: 1,
    submitted: [submitted],
    runs: [run],
    calls: [
      { execution_id: 'a', tool: 'book', key: book.key },
      { execution_id: 'a', tool: 'pay', key: pay.key },
    ],
    repeats: [],
    bookings: [book.key],
    effects: [paid],
    zombies: [],
    violations: [],
    requests: new Map([['1.0', 2]]),
    isModelCut: false,
    deaths: 0,
  };
  const found = (change: Partial<Evidence>) =>
    checkEvidence({ ...correct, ...change }).breaches.map(({ kind }) => kind);

  test('reports nothing for a correct history', () => {
    expect(checkEvidence(correct)).toEqual({ breaches: [], explained: 0, repeated: 0 });
  });

  test.each<[string, Partial<Evidence>, string[]]>([
    ['an acknowledged run that is missing', { runs: [] }, ['lost']],
    ['a run that never ends', { runs: [{ ...run, status: 'waiting' }] }, ['lost', 'stuck']],
    ['a wrong output', { runs: [{ ...run, output: 'something else' }] }, ['lost']],
    [
      'a failure without a cause',
      { runs: [{ ...run, status: 'failed', error_code: 'timeout' }] },
      ['lost'],
    ],
    ['a duplicate row of a SQL tool', { bookings: [book.key, book.key] }, ['doubled']],
    ['a missing row of a SQL tool', { bookings: [] }, ['lost']],
    ['an effect that happened twice', { effects: [paid, paid] }, ['doubled']],
    ['an effect that never happened', { effects: [] }, ['lost']],
    [
      'one call with two idempotency keys',
      {
        effects: [paid, { ...paid, idempotency_key: 'a:9:c' }],
        repeats: [{ execution_id: 'a', key: pay.key }],
      },
      ['doubled'],
    ],
    [
      'a cancelled run that continues',
      { submitted: [{ ...submitted, cancelled: 'yes' }] },
      ['lost'],
    ],
    [
      'a steering message that was not delivered',
      { submitted: [{ ...submitted, steered: 'yes' }] },
      ['lost'],
    ],
    [
      'a steering message that was delivered twice',
      {
        submitted: [{ ...submitted, steered: 'unknown' }],
        runs: [{ ...run, inputs: ['[steer:1.0]', '[steer:1.0]'] }],
      },
      ['doubled'],
    ],
    ['a missing fork', { submitted: [{ ...submitted, forked: 'yes' }] }, ['lost']],
    ['a superfluous model request', { requests: new Map([['1.0', 3]]) }, ['asked too often']],
    [
      'a step committed by a worker that lost its claim',
      { zombies: [{ execution_id: 'a', seq: 2, worker: 'w' }] },
      ['zombie'],
    ],
    [
      'a violated invariant',
      { violations: [{ rule: 'step_gap', execution_id: 'a', detail: '' }] },
      ['violation'],
    ],
  ])('finds %s', (_what, change, breaches) => {
    expect(found(change)).toEqual(breaches);
  });

  describe('for workflows', () => {
    const of = (key: string, parent: string | null, change: Partial<RunRow> = {}): RunRow => ({
      ...run,
      id: parent ? key : 'a',
      key,
      parent,
      output: expectedOutput(1, key) ?? null,
      ...(expectedOutput(1, key) === undefined
        ? { status: 'failed', error_code: 'invalid_request' }
        : {}),
      model_steps: 0,
      ...change,
    });
    const root = of('1.0~crew', null);
    const members = simulateTeam(1, '1.0~crew').members.map((key) => of(key, 'a'));
    const team: Partial<Evidence> = {
      submitted: [{ ...submitted, plan: { ...plan, team: 'crew' } }],
      calls: [],
      bookings: [],
      effects: [],
      requests: new Map([['1.0@crew.broken', 1]]),
    };
    const finds = (runs: RunRow[], change: Partial<Evidence> = {}) =>
      found({ ...team, runs, ...change });

    test('reports nothing if each member ran once and broken members failed', () => {
      expect(finds([root, ...members])).toEqual([]);
    });

    test('finds a missing, an extra and an unexpected member', () => {
      const [first, ...others] = members as [RunRow, ...RunRow[]];
      expect(finds([root, ...others])).toEqual(['lost']);
      expect(finds([root, ...members, { ...first, id: 'b' }])).toEqual(['doubled']);
      expect(finds([root, ...members, of('1.0@crew.1@crew.sum', 'a')])).toEqual(['doubled']);
    });

    test('finds a parent that did not wait for a member', () => {
      const [first, ...others] = members as [RunRow, ...RunRow[]];
      expect(finds([root, { ...first, ended: 10 }, ...others])).toEqual(['lost']);
    });

    test('finds members that never end, fail without cause, or answer although broken', () => {
      const but = (at: number, change: Partial<RunRow>) =>
        members.map((member, index) => (index === at ? { ...member, ...change } : member));
      expect(finds([root, ...but(0, { status: 'waiting', ended: null })])).toEqual(['stuck']);
      expect(finds([root, ...but(0, { status: 'failed', error_code: 'x' })])).toEqual(['lost']);
      expect(finds([root, ...but(1, { status: 'completed', output: 'all is well' })])).toEqual([
        'lost',
      ]);
    });

    test('allows a parent to fail only for a member with an unreachable model', () => {
      const fails = { ...root, status: 'failed', error_code: 'member_failed', output: null };
      const [first, ...others] = members as [RunRow, ...RunRow[]];
      const cut = { ...first, status: 'failed', error_code: 'unreachable', output: null };
      expect(finds([fails, cut, ...others], { isModelCut: true })).toEqual([]);
      expect(finds([fails, ...members], { isModelCut: true })).toEqual(['lost']);
    });
  });

  test('allows injected faults, and actions that a person approved', () => {
    const failed = { ...run, status: 'failed', error_code: 'unreachable' };
    expect(found({ runs: [failed], isModelCut: true })).toEqual([]);
    expect(found({ runs: [{ ...failed, stop_reason: 'poison' }], deaths: 3 })).toEqual([]);
    const child = { ...failed, id: 'c', key: '1.0/0-0', parent: 'a' };
    const fork = { ...run, id: 'b', root: 'b', forked_from: 'a', output: '1.0 is done: ' };
    const forked = { submitted: [{ ...submitted, forked: 'yes' as const }], isModelCut: true };
    expect(found({ ...forked, runs: [run, child, fork] })).toEqual([]);
    expect(found({ ...forked, runs: [run, fork] })).toEqual(['lost']);
    expect(
      found({ runs: [{ ...run, interruptions: 1 }], requests: new Map([['1.0', 3]]) }),
    ).toEqual([]);
    const repeats = [{ execution_id: 'a', key: pay.key }];
    expect(found({ effects: [paid, paid], repeats })).toEqual([]);
  });
});

test('options are parsed, and invalid options are rejected', () => {
  expect(readOptions(['--runs', '5', '--only', 'kill,cut', '--seed', '9'], 0)).toEqual({
    runs: 5,
    minutes: 0,
    seed: 9,
    workers: 4,
    only: ['kill', 'cut'],
    limits: false,
    json: false,
    matrix: false,
    rows: [],
    soak: false,
    rate: 2,
  });
  expect(readOptions(['--soak', '--rate', '0.5'], 0)).toMatchObject({
    soak: true,
    minutes: 60,
    workers: 2,
    rate: 0.5,
  });
  expect(() => readOptions(['--soak', '--only', 'none'], 0)).toThrow(
    /--only cannot be used with --soak/,
  );
  expect(() => readOptions(['--matrix', '--limits'], 0)).toThrow(
    /--limits cannot be used with --matrix/,
  );
  expect(() => readOptions(['--rate', '1'], 0)).toThrow(/--rate can only be used with --soak/);
  expect(readOptions([], 1_234_567)).toMatchObject({ minutes: 2, seed: 234_567 });
  expect(() => readOptions(['--only', 'fire'], 0)).toThrow(/unknown fault: fire/);
  expect(() => readOptions(['--minutes', 'x'], 0)).toThrow(/--minutes must be a number/);
  expect(readOptions(['--rows', '2,15'], 0)).toMatchObject({ matrix: true, rows: [2, 15] });
  expect(() => readOptions(['--rows', 'x'], 0)).toThrow(/--rows must be numbers of rows/);
  expect(() => readOptions(['--matrix', '--runs', '9'], 0)).toThrow(
    /--runs cannot be used with --matrix/,
  );
  expect(selectScenarios([5]).map(({ row }) => row)).toEqual([5, 5]);
  expect(() => selectScenarios([2, 99])).toThrow(/--rows 99: no such row; rows are 2, 3,/);
});

test('every matrix row is played, covered by an existing test or listed as uncovered', () => {
  const rows = [...SCENARIOS.map(({ row }) => row), ...COVERED.map(([row]) => row)];
  expect([...new Set(rows)].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 30 }, (_, index) => index + 1),
  );
  const named = COVERED.flatMap(([, , by]) => by.match(/test\/[\w/.-]+\.ts/g) ?? []);
  expect(named.length).toBeGreaterThan(9);
  expect(named.filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)))).toEqual(
    [],
  );
});

test('the table has a line for each fault and a total', () => {
  const round = {
    round: 1,
    runs: 10,
    children: 2,
    steps: 80,
    explained: 0,
    repeated: 1,
    encryptions: { encrypted: 0, decrypted: 0, rotated: 0 },
    seconds: 1,
    breaches: [{ kind: 'lost', what: 'x' } as const],
    injected: [700, 900].map((recovery) => ({
      kind: 'kill' as const,
      at: 0,
      interrupted: [],
      recovery,
    })),
  };
  expect(
    formatReport(reportLines([round], 5))
      .split('\n')
      .slice(2),
  ).toEqual([
    '| kill        | 2        |      |      |         |                | 700 / 900 / 900 ms   |            | 5    |',
    '| all of them | 2        | 10   | 1    | 0       | 1              | 700 / 900 / 900 ms   | 0          | 5    |',
  ]);
});
