import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HOOK_EVENTS, type HookEvent, type Hooks } from '../../../src/contracts/agents/hook.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import { HowdahError } from '../../../src/contracts/errors.ts';
import { inProcessHooks } from '../../../src/runtime/hooks/in-process-hooks.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  type Execution,
  executionOf,
  kindsOf,
  makeAgent,
  resultsOf,
  runToEnd,
  stepsOf,
} from '../arrange.ts';
import { readCounter } from '../shop.ts';
import { addHooks, auditOf, createHookShop } from './hook-shop.ts';

const database = testDatabase();
let worker: Worker;
const heard: HookEvent[] = [];
/** Behaviour of the worker's hooks, set by each test. */
let deeds: Hooks = {};

const hooks = Object.fromEntries(
  HOOK_EVENTS.map((name) => [
    name,
    (event: HookEvent) => {
      heard.push(event);
      return (deeds[name] as ((event: HookEvent) => unknown) | undefined)?.(event);
    },
  ]),
) as Hooks;

const amounts: unknown[] = [];
const refund: CustomTool = {
  name: 'refund',
  description: '',
  parameters: { type: 'object', properties: { amount: { type: 'integer' } } },
  run: ({ amount = null }) => amounts.push(amount),
};

beforeAll(async () => {
  await createHookShop(database.pool);
  worker = await startTestWorker(database.url, { tools: [refund], hooks });
});
beforeEach(() => {
  heard.length = 0;
  amounts.length = 0;
  deeds = {};
});
afterAll(async () => {
  await worker.stop(1_000);
});

const refund7 = { name: 'refund', arguments: { amount: 7 } };
const count7 = { name: 'count_up', arguments: { name: 'seven' } };

async function runWith(hooks: Hooks, call: typeof refund7 | typeof count7): Promise<Execution> {
  deeds = hooks;
  const script = [callTools(call), { content: 'done' }];
  return runToEnd(database.pool, await makeAgent(database.pool, { script, tools: [call.name] }));
}

const deny = () => {
  throw new HowdahError('HWDEN', 'not on a Sunday');
};
const fail = () => {
  throw new Error('out of paper');
};

test.each([refund7, count7])(
  'in-process hooks receive the same events in the same order: %j',
  async (call) => {
    const run = await runWith({}, call);
    expect(run).toMatchObject({ status: 'completed', output: 'done' });
    await expect.poll(() => heard.at(-1)?.event).toBe('execution_complete');
    expect(heard.map(({ event }) => event).filter((event) => event !== 'tool_after')).toEqual([
      'before_run',
      'after_setup',
      'message_sent',
      'tool_before',
      'message_sent',
      'message_sent',
      'execution_complete',
    ]);
    expect(heard.find(({ event }) => event === 'tool_after')).toMatchObject({
      tool: call.name,
      arguments: call.arguments,
      execution_id: run.id,
      result: 1,
      error: null,
    });
  },
);

describe('reject', () => {
  test.each([refund7, count7])('a call: %j', async (call) => {
    const run = await runWith({ tool_before: deny }, call);
    expect(run.status).toBe('completed');
    expect(JSON.parse((await resultsOf(database.pool, run.id))[0] ?? '').error).toMatchObject({
      code: 'rejected',
      message: 'not on a Sunday',
      details: { hook: 'of this worker', event: 'tool_before' },
    });
    expect([amounts, await readCounter(database.pool, 'refused')]).toEqual([[], 0]);
  });

  test('a message', async () => {
    const run = await runWith({ message_sent: deny }, refund7);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'error', message_count: 1 });
    expect(run.error?.message).toBe(
      'the hook of this worker (message_sent) refused a message (assistant): not on a Sunday',
    );
  });

  test('a run', async () => {
    const run = await runWith({ before_run: deny }, refund7);
    expect(run).toMatchObject({ status: 'failed', model_count: 0 });
  });
});

describe('change', () => {
  test('the arguments of a call, and annotate it', async () => {
    const answer = { arguments: { amount: 1 }, annotate: { by: 'policy' } };
    const run = await runWith({ tool_before: () => answer }, refund7);
    expect([run.status, amounts]).toEqual(['completed', [1]]);
    expect((await stepsOf(database.pool, run.id))[2]).toMatchObject({
      kind: 'tool_started',
      input: { amount: 1 },
      annotations: { by: 'policy' },
    });
  });

  test('nothing by writing to their event object', async () => {
    const run = await runWith(
      {
        tool_before: (event) => {
          event.arguments.amount = 99;
        },
      },
      refund7,
    );
    expect([run.status, amounts]).toEqual(['completed', [7]]);
  });
});

describe('fail', () => {
  test.each([
    ['before_run', 'error'],
    ['message_sent', 'guard model error'],
    ['tool_before', 'guard model error'],
    ['tool_after', 'guard model tool_started tool error'],
  ])('the run, and nothing that happened is lost: %s', async (event, kinds) => {
    const run = await runWith({ [event]: fail }, refund7);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'internal' } });
    expect(run.error?.message).toBe(`the hook of this worker (${event}) failed: out of paper`);
    expect(await kindsOf(database.pool, run.id)).toBe(kinds);
  });

  test('also after a call in SQL', async () => {
    const run = await runWith({ tool_after: deny }, count7);
    expect(run.error?.message).toBe('not on a Sunday');
    expect(await kindsOf(database.pool, run.id)).toBe('guard model tool error');
  });

  test('not a run that has ended, but are recorded in its metrics', async () => {
    const { id, status } = await runWith({ execution_complete: fail }, refund7);
    expect(status).toBe('completed');
    await eventually(
      database.pool,
      'it is noted',
      `select from howdah.executions where id = $1 and metrics -> 'hook_errors' -> 0 ->> 'message' ~ 'out of paper'`,
      [id],
    );
    expect((await executionOf(database.pool, id)).status).toBe('completed');
  });
});

test('in-process hooks run before database hooks, which see their changes', async () => {
  deeds = { tool_before: () => ({ arguments: { amount: 2 } }) };
  const script = [callTools(refund7), { content: 'done' }];
  const agent = await makeAgent(database.pool, { script, tools: ['refund'] });
  await addHooks(database.pool, agent, 'shop.heard', ['tool_before']);
  const run = await runToEnd(database.pool, agent);
  expect((await auditOf(database.pool, run.id)).map(({ event }) => event.arguments)).toEqual([
    { amount: 2 },
  ]);
});

test('in-process hooks fail on a timeout', async () => {
  const [hook] = inProcessHooks({ message_sent: () => new Promise(() => {}) }, 1);
  expect(await hook?.call({} as HookEvent)).toEqual({
    did: 'fail',
    message: 'it took longer than 1 ms',
  });
});

test('in-process hooks of an unknown name are rejected when the worker starts', () => {
  expect(() => inProcessHooks({ tool_during: () => {} } as Hooks)).toThrow(
    expect.objectContaining({ code: 'HWINV', hint: expect.stringContaining('tool_before') }),
  );
});
