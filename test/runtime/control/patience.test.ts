import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AgentDefinition } from '../../../src/contracts/agents/definition.ts';
import type { ModelRef } from '../../../src/contracts/agents/model.ts';
import type { ErrorCode, RunError } from '../../../src/contracts/errors.ts';
import type { Action, RunState, StepSummary } from '../../../src/contracts/runs/action.ts';
import type { RunSettings } from '../../../src/contracts/runs/run-settings.ts';
import type { StepRecord, Transition } from '../../../src/contracts/runs/step.ts';
import { PARK_AFTER_MS } from '../../../src/runtime/environment/backoff.ts';
import type { RuntimeDependencies } from '../../../src/runtime/environment/runtime-dependencies.ts';
import { foldRecords, NO_RULES } from '../../../src/runtime/held-run/fold.ts';
import type { HeldRun } from '../../../src/runtime/held-run/held-run.ts';
import { nextModelCall } from '../../../src/runtime/model-calls/choose-model-call.ts';
import { commitFailedAttempt } from '../../../src/runtime/model-calls/failed-model-attempt.ts';
import { planModelCall } from '../../../src/runtime/model-calls/plan-model-call.ts';

const model = (name: string, provider = 'scripted'): ModelRef => ({
  id: name,
  name,
  provider,
  model: name,
  base_url: null,
  context_tokens: null,
  request_params: {},
});
const definition = (models: ModelRef[], retry_for?: number): AgentDefinition => ({
  agent: {
    name: 'a',
    instruction: 'Help.',
    system_prompt: null,
    use_history: true,
    output_schema: null,
    ...(retry_for === undefined ? {} : { retry_for }),
  },
  models,
  tools: [],
});
const state = (steps: readonly StepSummary[] = []): RunState => ({
  history: [],
  messages: [{ role: 'user', content: 'hello', seq: 1 }],
  steps_since_answer: steps,
  exhausted: null,
  trust: 'user',
  messages_at_retry: 0,
  rules: NO_RULES,
  refused: {},
});
const error = (code: ErrorCode, more: Partial<RunError> = {}): RunError => ({
  code,
  message: `the server says ${code}.`,
  retryable: ['overloaded', 'rate_limited', 'unreachable', 'timeout', 'bad_answer'].includes(code),
  ...more,
});
const told = (seconds: number) => error('rate_limited', { retry_after_ms: seconds * 1_000 });

/** Builds a failed attempt: its model, its error, and the seconds since the first failure. */
const failure = (
  name: string,
  code: ErrorCode | RunError,
  at = 0,
  retry_for = 600,
): StepSummary => ({
  kind: 'retry',
  name,
  call_id: null,
  input: { attempt: 1, ...(retry_for > 0 ? { elapsed_ms: at * 1_000, retry_for } : {}) },
  output: { delay_ms: 0 },
  error: typeof code === 'string' ? error(code) : code,
});
const times = (count: number, ...one: Parameters<typeof failure>) =>
  Array.from({ length: count }, () => failure(...one));

/** Returns the next model, with the shortest wait in seconds if no other is left, or the error. */
function choice(models: string[], ...failures: StepSummary[]): string {
  const refs = models.map((name) => model(name, name === 'local' ? 'local' : 'scripted'));
  const action = nextModelCall(definition(refs), state(failures), planModelCall);
  if (action.type === 'fail') return `fail ${action.error.code}`;
  if (action.type !== 'call_model') return action.type;
  return action.wait
    ? `${action.model.name} after ${action.wait.least_ms / 1_000}`
    : action.model.name;
}

describe('the choice of the next model', () => {
  test.each<[string, string[], StepSummary[], string]>([
    ['no failure', ['a', 'b'], [], 'a'],
    ['a fallback is left: a few attempts', ['a', 'b'], times(3, 'a', 'overloaded'), 'a'],
    ['a fallback is left: then the fallback', ['a', 'b'], times(4, 'a', 'overloaded'), 'b'],
    ['a fallback is left: two timeouts', ['a', 'b'], times(2, 'a', 'timeout'), 'b'],
    ['none is left: goes on', ['a'], times(9, 'a', 'overloaded', 599), 'a after 0'],
    ['none is left: until retry_for', ['a'], times(9, 'a', 'overloaded', 600), 'fail overloaded'],
    ['a timeout counts by its time', ['a'], times(3, 'a', 'timeout', 540), 'a after 0'],
    ['a timeout, later', ['a'], times(4, 'a', 'timeout', 720), 'fail timeout'],
    ['retry_for 0: four attempts', ['a'], times(3, 'a', 'overloaded', 0, 0), 'a'],
    ['retry_for 0: no fifth attempt', ['a'], times(4, 'a', 'overloaded', 0, 0), 'fail overloaded'],
    [
      'the fewest attempts first',
      ['a', 'b'],
      [...times(4, 'a', 'overloaded'), failure('b', 'overloaded', 5)],
      'b after 0',
    ],
    [
      'the first of those with equally few attempts',
      ['a', 'b'],
      [...times(4, 'a', 'overloaded'), ...times(4, 'b', 'overloaded', 9)],
      'a after 0',
    ],
    [
      'in turn',
      ['a', 'b'],
      [...times(5, 'a', 'overloaded'), ...times(4, 'b', 'overloaded', 9)],
      'b after 0',
    ],
    [
      'a fresh model at once, even if the patience is used up',
      ['a', 'b'],
      times(4, 'a', 'overloaded', 700),
      'b',
    ],
    ...(
      ['unauthorized', 'invalid_request', 'not_found', 'quota_exhausted', 'refused'] as const
    ).map((code): [string, string[], StepSummary[], string] => [
      `${code} is hopeless`,
      ['a'],
      [failure('a', code)],
      `fail ${code}`,
    ]),
    [
      'content_filtered is hopeless',
      ['a'],
      [failure('a', 'content_filtered')],
      'fail content_filtered',
    ],
    [
      'the other one is hopeless',
      ['a', 'b'],
      [...times(4, 'a', 'overloaded'), failure('b', 'unauthorized', 3)],
      'a after 0',
    ],
    [
      'local does not hide a rejection',
      ['a', 'local'],
      [failure('a', 'unauthorized')],
      'fail unauthorized',
    ],
    ['local answers after an outage', ['a', 'local'], times(4, 'a', 'overloaded'), 'local'],
    ['bad answers are counted', ['a'], times(4, 'a', 'bad_answer', 9), 'fail bad_answer'],
    [
      'bad answers are counted without the other failures',
      ['a'],
      [...times(9, 'a', 'overloaded', 9), ...times(3, 'a', 'bad_answer', 9)],
      'a after 0',
    ],
    ['a told wait is the least', ['a'], [failure('a', told(90))], 'a after 90'],
    ['a told wait that ends too late', ['a'], [failure('a', told(90), 511)], 'fail rate_limited'],
    ['a long told wait: another model first', ['a', 'b'], [failure('a', told(90))], 'b'],
    [
      'a long told wait has partly passed',
      ['a', 'b'],
      [failure('a', told(90)), failure('b', told(120), 60)],
      'a after 30',
    ],
    [
      'a long told wait does not stop the other model',
      ['a', 'b'],
      [failure('a', told(400)), ...times(9, 'b', 'overloaded', 60)],
      'b after 0',
    ],
  ])('%s', (_what, models, failures, expected) => {
    expect(choice(models, ...failures)).toBe(expected);
  });

  test('an error says why no more attempts are made', () => {
    const messageAfter = (...failures: StepSummary[]) =>
      nextModelCall(definition([model('a')]), state(failures), planModelCall);
    expect(messageAfter(...times(9, 'a', 'overloaded', 612))).toMatchObject({
      error: {
        message: 'the server says overloaded. 9 attempts failed in 612 s, and retry_for is 600 s.',
        retryable: false,
      },
    });
    expect(messageAfter(failure('a', told(3_600), 100))).toMatchObject({
      error: {
        message: expect.stringContaining(
          'It asks to wait 3600 s, but of retry_for (600 s) only 500 s are left',
        ),
      },
    });
  });
});

test('a summary that failed is requested again once the outage is known', () => {
  const history = Array.from({ length: 12 }, (_, at) => ({
    role: at % 2 === 0 ? ('user' as const) : ('assistant' as const),
    content: 'many words '.repeat(40),
  }));
  const agent = definition([{ ...model('a'), context_tokens: 1_000 }]);
  agent.agent.context_policy = 'summarize';
  const guard: StepSummary = { ...failure('a', 'overloaded'), kind: 'guard', name: 'context' };
  const nextOf = (...steps: StepSummary[]) =>
    nextModelCall(agent, { ...state(steps), history }, planModelCall);
  expect(nextOf()).toMatchObject({ type: 'summarize' });
  expect(nextOf(guard)).toMatchObject({ type: 'call_model' });
  expect(nextOf(guard, failure('a', 'overloaded'))).toMatchObject({
    type: 'summarize',
    wait: { least_ms: 0, most_ms: 600_000 },
  });
  expect(nextOf(guard, failure('a', 'timeout'))).toMatchObject({ type: 'call_model' });
});

test('a shorter request is sent at once, whatever time has passed', () => {
  const agent = definition([model('a')]);
  agent.agent.context_policy = 'trim';
  for (const at of [0, 700]) {
    const of = { ...state([failure('a', 'context_too_long', at)]), refused: { a: 1_000_000 } };
    const action = nextModelCall(agent, of, planModelCall);
    expect(action).toMatchObject({ type: 'call_model', attempt: 2 });
    expect(action).not.toHaveProperty('wait');
  }
});

type Outage = {
  models?: string[];
  retry_for?: number;
  settings?: RunSettings;
  random?: number;
  /** Seconds that each attempt takes. */
  takes?: number;
  /** Returns the failure of an attempt, or nothing when the model answers. */
  failureOf(name: string, attempt: number, at: number): RunError | undefined;
};

/** Plays an outage without a clock. Returns the attempts, the seconds, and the end of the run. */
async function play({ models = ['a'], failureOf, ...options }: Outage) {
  const { retry_for, settings = {}, random = 1, takes = 0 } = options;
  const agent = definition(
    models.map((name) => model(name)),
    retry_for,
  );
  const next = (of: RunState): Action => nextModelCall(agent, of, planModelCall);
  const attempts: { name: string; at: number }[] = [];
  const parks: number[] = [];
  let at = 0;
  const run = {
    definition: agent,
    limits: { settings },
    state: state(),
    abort: new AbortController(),
    next,
    async commit(records: StepRecord[], to?: Transition) {
      this.state = foldRecords(this.state, records, { exhausted: null });
      if (to?.status !== 'waiting' || to.waiting_for !== 'timer') return;
      parks.push(to.delay_ms);
      at += to.delay_ms / 1_000;
    },
  };
  const world = {
    random: () => random,
    async sleep(ms: number) {
      expect(ms).toBeLessThanOrEqual(PARK_AFTER_MS);
      at += ms / 1_000;
    },
  };
  for (let action = next(run.state); ; action = next(run.state)) {
    if (action.type !== 'call_model') return { attempts, parks, at, end: action };
    const { name } = action.model;
    attempts.push({ name, at });
    const failed = failureOf(name, attempts.length, at);
    at += takes;
    if (!failed) return { attempts, parks, at, end: action };
    const started_at = new Date(Date.now() - takes * 1_000).toISOString();
    await commitFailedAttempt(
      action,
      run as unknown as HeldRun,
      world as unknown as RuntimeDependencies,
      failed,
      started_at,
    );
  }
}

describe('an outage', () => {
  const down = () => error('overloaded');

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] }); // no attempt takes time of its own
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('of a minute is survived by a run with one model', async () => {
    for (const random of [0, 0.5, 1]) {
      const { end, attempts } = await play({
        random,
        failureOf: (_name, _attempt, at) => (at < 60 ? down() : undefined),
      });
      expect(end.type).toBe('call_model');
      expect(attempts.length).toBeLessThan(10);
    }
  });

  test('longer than retry_for fails the run after it, with few attempts', async () => {
    const { end, attempts, at } = await play({ failureOf: down });
    expect(end).toMatchObject({ type: 'fail', error: { code: 'overloaded' } });
    expect(at).toBe(600);
    expect(attempts.length).toBeLessThan(20);
    expect(attempts.slice(0, 8).map((one) => one.at)).toEqual([0, 1, 3, 7, 15, 31, 63, 123]);
  });

  test('a wait is never shorter than half of its bound', async () => {
    const { attempts } = await play({ failureOf: down, random: 0 });
    expect(attempts.slice(0, 5).map((one) => one.at)).toEqual([0, 0.5, 1.5, 3.5, 7.5]);
  });

  test('waits above two seconds are parked', async () => {
    const { parks } = await play({ failureOf: down });
    expect(parks[0]).toBe(4_000);
    expect(Math.max(...parks)).toBe(60_000);
  });

  test('retry_for of the agent comes before the setting, and the setting before the default', async () => {
    const settings = { retry_for: 100 };
    expect((await play({ failureOf: down, settings })).at).toBe(100);
    expect((await play({ failureOf: down, settings, retry_for: 50 })).at).toBe(50);
    expect((await play({ failureOf: down, settings, retry_for: 0 })).attempts).toHaveLength(4);
    expect((await play({ failureOf: down, settings: { retry_for: 0 } })).at).toBe(3.5);
  });

  test('settings of the back-off hold for patient attempts too', async () => {
    const settings = { backoff_initial_seconds: 10, backoff_max_seconds: 20 };
    const { attempts } = await play({ failureOf: down, settings, retry_for: 100 });
    expect(attempts.map((one) => one.at)).toEqual([0, 10, 30, 50, 70, 90, 100]);
  });

  test('attempts that take minutes count by their time', async () => {
    const { attempts, end } = await play({ failureOf: () => error('timeout'), takes: 180 });
    expect(end).toMatchObject({ type: 'fail', error: { code: 'timeout' } });
    expect(attempts).toHaveLength(5);
  });

  test('of all models: they are called in turn', async () => {
    const { attempts, end } = await play({ models: ['a', 'b'], failureOf: down });
    expect(end.type).toBe('fail');
    const names = attempts.map(({ name }) => name).join('');
    expect(names).toMatch(/^aaaabbbbabab/);
    expect(attempts.length).toBeLessThan(30);
  });

  test('a told wait is obeyed, and runs that were told the same do not return together', async () => {
    const failureOf = (_name: string, attempt: number) => (attempt === 1 ? told(30) : undefined);
    expect((await play({ failureOf, random: 0 })).at).toBe(30);
    expect((await play({ failureOf, random: 1 })).at).toBe(33);
  });

  test('a told wait beyond retry_for fails at once', async () => {
    const { attempts, at, end } = await play({ failureOf: () => told(3_600) });
    expect(attempts).toHaveLength(1);
    expect(at).toBe(0);
    expect(end).toMatchObject({ type: 'fail', error: { code: 'rate_limited' } });
  });
});
