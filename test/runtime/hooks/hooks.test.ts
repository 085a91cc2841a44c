import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOOK_EVENTS } from '../../../src/contracts/agents/hook.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  createLatch,
  type Execution,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  messagesOf,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
import { readCounter, takeLock } from '../shop.ts';
import { addHooks, auditOf, createHookShop, eventNamesOf, setReaction } from './hook-shop.ts';

const database = testDatabase();
let worker: Worker;
/** Arguments of the calls of `refund`. */
const refunds: JsonObject[] = [];
/** Number of calls that wait for the gate. */
let inside = 0;
const gate = createLatch();

const refund: CustomTool = {
  name: 'refund',
  description: 'Gives money back.',
  parameters: {
    type: 'object',
    required: ['amount'],
    additionalProperties: false,
    properties: { amount: { type: 'integer' }, reason: { type: 'string' } },
  },
  run(args) {
    refunds.push(args);
    return { refunded: args.amount ?? null };
  },
};
const tools: CustomTool[] = [
  refund,
  { ...refund, name: 'pay_once', effect: 'once' },
  { ...refund, name: 'take_back', parameters: { type: 'object' } },
  {
    ...refund,
    name: 'gated',
    parameters: { type: 'object' },
    run() {
      inside += 1;
      return gate.opened.then(() => 'open');
    },
  },
];

beforeAll(async () => {
  await createHookShop(database.pool);
  worker = await startTestWorker(database.url, { tools });
});
afterAll(async () => {
  await worker.stop(1_000);
});

type Call = { name: string; arguments?: JsonObject };

/** Makes an agent that makes these calls and then answers. */
function agentCalling(...calls: Call[]): Promise<string> {
  const script = [...(calls.length > 0 ? [callTools(...calls)] : []), { content: 'done' }];
  const names = [...new Set(calls.map(({ name }) => name))];
  return makeAgent(database.pool, { script, tools: names });
}

const refund7 = { name: 'refund', arguments: { amount: 7 } };
const count = (name: string): Call => ({ name: 'count_up', arguments: { name } });

/**
 * Starts a run with shop.check as a hook that reacts as specified, and shop.heard for all events.
 */
async function runWith(
  event: string,
  deed: Parameters<typeof setReaction>[3],
  answer: Parameters<typeof setReaction>[4],
  ...calls: Call[]
): Promise<Execution> {
  const agent = await agentCalling(...calls);
  await setReaction(database.pool, agent, event, deed, answer);
  await addHooks(database.pool, agent, 'shop.heard', HOOK_EVENTS, { position: 2 });
  return runToEnd(database.pool, agent);
}

describe('events', () => {
  test.each([
    ['with a tool of the worker', refund7, 'guard model tool_started tool model output'],
    ['with a SQL tool', count('heard'), 'guard model tool model output'],
  ])('arrive in order, once per step, in its transaction: %s', async (_what, call, kinds) => {
    const { pool } = database;
    const agent = await agentCalling(call);
    await addHooks(pool, agent, 'shop.second', ['tool_after'], { position: 2 });
    await addHooks(pool, agent, 'shop.heard', HOOK_EVENTS);
    const run = await runToEnd(pool, agent, 'Give it back.');
    expect(run).toMatchObject({ status: 'completed', output: 'done' });
    expect(await kindsOf(pool, run.id)).toBe(kinds);
    const audit = await auditOf(pool, run.id);
    expect(audit.map(({ hook, event }) => `${hook} ${event.event}`)).toEqual([
      'heard before_run',
      'heard after_setup',
      'heard message_sent',
      'heard tool_before',
      'heard tool_after',
      'second tool_after',
      'heard message_sent',
      'heard message_sent',
      'heard execution_complete',
    ]);
    const { rows } = await pool.query(
      'select a.name, e.tenant_id from howdah.executions as e join howdah.agents as a on a.id = e.agent_id where e.id = $1',
      [run.id],
    );
    const whose = { execution_id: run.id, agent_id: agent, agent: rows[0].name, session_id: null };
    for (const { event, role, tenant, hook } of audit) {
      expect(event).toMatchObject({ ...whose, tenant_id: rows[0].tenant_id, metadata: {} });
      expect(hook === 'second' ? null : [role, tenant]).toEqual(
        hook === 'second' ? null : ['howdah_tool', rows[0].tenant_id],
      );
    }
    const events = audit.filter(({ hook }) => hook === 'heard').map(({ event }) => event);
    expect(events[0]).toMatchObject({ input: 'Give it back.' });
    expect(events[1]).toMatchObject({
      models: [{ provider: 'scripted', model: 'm' }],
      tools: [{ name: call.name }],
    });
    expect(events[2]).toMatchObject({ role: 'assistant', tool_calls: [{ name: call.name }] });
    expect(events[3]).toMatchObject({ tool: call.name, arguments: call.arguments });
    expect(events[4]).toMatchObject({ tool: call.name, arguments: call.arguments, error: null });
    expect(events[5]).toMatchObject({ role: 'tool', tool_calls: [] });
    expect(events[6]).toMatchObject({ role: 'assistant', content: 'done', tool_call_id: null });
    expect(events[7]).toMatchObject({ status: 'completed', output: 'done', error: null });
  });

  test('a todo list is an ordinary tool', async () => {
    const { pool } = database;
    const agent = await agentCalling({
      name: 'todo',
      arguments: { action: 'add', title: 'Pack it' },
    });
    await addHooks(pool, agent, 'shop.heard', ['tool_before', 'tool_after']);
    const run = await runToEnd(pool, agent);
    expect(run.status).toBe('completed');
    expect(await eventNamesOf(pool, run.id)).toBe('tool_before tool_after');
  });

  test('call hooks of the agent and for all, not those of other agents, other tenants or inactive ones', async () => {
    const { pool } = database;
    const [mine, other] = [await agentCalling(), await agentCalling()];
    await addHooks(pool, mine, 'shop.heard', ['message_sent']);
    await addHooks(pool, mine, 'shop.second', ['message_sent'], { is_active: false });
    const [a, b] = [await runToEnd(pool, mine), await runToEnd(pool, other)];
    expect([await eventNamesOf(pool, a.id), await eventNamesOf(pool, b.id)]).toEqual([
      'message_sent',
      '',
    ]);
    expect(await eventNamesOf(pool, a.id, 'second')).toBe('');
    await addHooks(pool, null, 'shop.second', ['execution_complete']);
    const { rows } = await pool.query(
      `with tenant as (insert into howdah.tenants (slug, name) values ('elsewhere', 'x') returning id)
       select id from tenant`,
    );
    const model = await pool.query(
      `update howdah.models set provider = 'local' where tenant_id = $1 and name = 'default' returning id`,
      [rows[0].id],
    );
    expect(model.rowCount).toBe(1);
    const { rows: foreign } = await pool.query(
      `insert into howdah.executions (tenant_id, agent_id, input)
       select a.tenant_id, a.id, 'hello' from howdah.agents as a where a.tenant_id = $1 returning id`,
      [rows[0].id],
    );
    const [c, d] = [await runToEnd(pool, other), await waitForEnd(pool, foreign[0].id)];
    await pool.query(`delete from howdah.hooks where agent_id is null`);
    expect([c.status, d.status]).toEqual(['completed', 'completed']);
    expect(await eventNamesOf(pool, c.id, 'second')).toBe('execution_complete');
    expect(await eventNamesOf(pool, d.id, 'second')).toBe('');
  });

  test('leave runs without hooks in their commit group', async () => {
    const { pool } = database;
    const gated = { name: 'gated', arguments: {} };
    const [hooked, plain] = [await agentCalling(gated), await agentCalling(gated)];
    await addHooks(pool, hooked, 'shop.heard', ['tool_after']);
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, i) => insertRun(pool, i % 2 ? hooked : plain)),
    );
    await expect.poll(() => inside).toBe(ids.length);
    gate.open();
    const runs = await Promise.all(ids.map((id) => waitForEnd(pool, id)));
    expect(runs.every(({ status }) => status === 'completed')).toBe(true);
    const { rows } = await pool.query(
      `select e.agent_id, count(distinct s.xmin::text)::int as transactions, count(*)::int as steps
       from howdah.executions as e join howdah.steps as s on s.execution_id = e.id
       where e.id = any ($1) and s.kind = 'tool' group by 1`,
      [ids],
    );
    expect(rows.find(({ agent_id }) => agent_id === hooked)).toMatchObject({
      transactions: 10,
      steps: 10,
    });
    const group = rows.find(({ agent_id }) => agent_id === plain);
    expect(group.transactions).toBeLessThan(group.steps);
    expect(await Promise.all(ids.map((id) => eventNamesOf(pool, id)))).toEqual(
      ids.map((_, i) => (i % 2 ? 'tool_after' : '')),
    );
  });
});

describe('a rejection by a hook', () => {
  test.each([
    ['refund', refund7],
    ['pay_once', { ...refund7, name: 'pay_once' }],
    ['count_up', count('refused')],
  ])('of a call: it is not made, and the model gets an error: %s', async (name, call) => {
    const { pool } = database;
    const before = refunds.length;
    const run = await runWith('tool_before', 'refuse', null, call);
    expect(run).toMatchObject({ status: 'completed', output: 'done' });
    expect(await kindsOf(pool, run.id)).toBe('guard model tool model output');
    const [result] = await resultsOf(pool, run.id);
    expect(JSON.parse(result ?? '').error).toMatchObject({
      code: 'rejected',
      message: 'not on a Sunday',
      details: { hook: 'shop.check', event: 'tool_before' },
    });
    const [, , step] = await stepsOf(pool, run.id);
    expect(step).toMatchObject({ kind: 'tool', name, input: call.arguments, output: null });
    const messages = await messagesOf(pool, run.id);
    expect(messages.find(({ role }) => role === 'tool')).toMatchObject({ parent_seq: 2 });
    expect([refunds.length, await readCounter(pool, 'refused')]).toEqual([before, 0]);
    expect(await eventNamesOf(pool, run.id)).toBe(
      'before_run after_setup message_sent tool_after message_sent message_sent execution_complete',
    );
    expect(await eventNamesOf(pool, run.id, 'check')).toBe(''); // its writes were rolled back
  });

  test.each([
    ['refund', refund7, { refunded: 7 }],
    ['count_up', count('kept'), 1],
  ])(
    'of a result: the log stores it, and the model gets an error: %s',
    async (_name, call, output) => {
      const { pool } = database;
      const run = await runWith('tool_after', 'refuse', null, call);
      expect(run.status).toBe('completed');
      const step = (await stepsOf(pool, run.id)).find(({ kind }) => kind === 'tool');
      expect(step).toMatchObject({
        output,
        error: { code: 'rejected', message: 'not on a Sunday' },
      });
      expect(JSON.parse((await resultsOf(pool, run.id))[0] ?? '').error.message).toBe(
        'not on a Sunday',
      );
    },
  );

  test.each(['before_run', 'after_setup'])('of the run: no model is called: %s', async (event) => {
    const { pool } = database;
    const run = await runWith(event, 'refuse', null);
    expect(run).toMatchObject({
      status: 'failed',
      stop_reason: 'error',
      model_count: 0,
      error: {
        code: 'rejected',
        message: `the hook shop.check (${event}) refused the run: not on a Sunday`,
      },
    });
    expect(await kindsOf(pool, run.id)).toBe('error');
    await pool.query('select howdah.retry_execution($1)', [run.id]);
    await eventually(
      pool,
      'it is refused again',
      `select from howdah.executions where id = $1 and status = 'failed' and step_count = 3`,
      [run.id],
    );
    expect((await executionOf(pool, run.id)).model_count).toBe(0);
    await pool.query(
      `update shop.orders set deed = 'answer' where agent_id = (select agent_id from howdah.executions where id = $1)`,
      [run.id],
    );
    await pool.query('select howdah.retry_execution($1)', [run.id]);
    expect((await waitForEnd(pool, run.id)).status).toBe('completed');
    expect(await kindsOf(pool, run.id)).toBe('error retry error retry guard model output');
  });

  test('of an answer: it is not sent, and the run fails', async () => {
    const { pool } = database;
    const run = await runWith('message_sent', 'refuse', null);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'error', output: null });
    expect(run.error?.message).toBe(
      'the hook shop.check (message_sent) refused a message (assistant): not on a Sunday',
    );
    expect(await kindsOf(pool, run.id)).toBe('guard model error');
    expect(run.message_count).toBe(1);
    expect(await eventNamesOf(pool, run.id)).toBe('before_run after_setup execution_complete');
  });

  test('of a result message: the call has a result and is never repeated', async () => {
    const { pool } = database;
    const agent = await agentCalling(refund7);
    await pool.query(
      `create function shop.no_results(event jsonb) returns void language plpgsql as $$
       begin if event ->> 'role' = 'tool' then raise exception 'no' using errcode = 'HWDEN'; end if; end $$`,
    );
    await addHooks(pool, agent, 'shop.no_results', ['message_sent']);
    const before = refunds.length;
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'rejected' } });
    expect(await kindsOf(pool, run.id)).toBe('model tool error');
    await pool.query('delete from howdah.hooks where agent_id = $1', [agent]);
    await pool.query('select howdah.retry_execution($1)', [run.id]);
    expect((await waitForEnd(pool, run.id)).status).toBe('completed');
    expect(refunds.length - before).toBe(1);
  });

  test('of the end: success becomes failure, and all hooks receive the failure', async () => {
    const { pool } = database;
    const agent = await agentCalling();
    await addHooks(pool, agent, 'shop.heard', ['execution_complete']);
    await addHooks(pool, agent, 'shop.second', ['execution_complete'], { position: 2 });
    await setReaction(pool, agent, 'execution_complete', 'refuse');
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'error', output: null });
    expect(run.error?.message).toBe(
      'the hook shop.check (execution_complete) refused the end: not on a Sunday',
    );
    expect(await kindsOf(pool, run.id)).toBe('model error');
    const events = (await auditOf(pool, run.id)).map(({ hook, event }) => [hook, event.status]);
    expect(events).toEqual([
      ['heard', 'failed'],
      ['second', 'failed'],
    ]);
    expect(run).toMatchObject({ metrics: { hook_errors: [{ code: 'rejected' }] } });
  });
});

test('a call whose result was rejected is compensated like any other', async () => {
  const { pool } = database;
  await pool.query(
    `insert into howdah.tools (name, kind, effect) values ('take_back', 'custom', 'idempotent')
     on conflict do nothing;
     update howdah.tools set compensation_tool_id = (select id from howdah.tools where name = 'take_back')
     where name = 'pay_once'`,
  );
  const script = [
    callTools({ ...refund7, name: 'pay_once' }),
    { error: { code: 'unauthorized', message: 'no' } },
  ];
  const agent = await makeAgent(pool, { script, tools: ['pay_once'] });
  await setReaction(pool, agent, 'tool_after', 'refuse');
  const run = await runToEnd(pool, agent);
  expect(run.status).toBe('failed');
  const { rows } = await pool.query(
    `select m.tool_calls -> 0 ->> 'name' as name from howdah.executions as e
     join howdah.messages as m on m.execution_id = e.id and m.seq = 2 where e.compensates_execution_id = $1`,
    [run.id],
  );
  expect(rows).toEqual([{ name: 'take_back' }]);
  await pool.query(`update howdah.tools set compensation_tool_id = null where name = 'pay_once'`);
});

test('hooks and SQL calls of one answer that need the same row wait for each other', async () => {
  const { pool } = database;
  const agent = await agentCalling(count('shared'), refund7, count('shared'));
  await pool.query(
    `create function shop.counts(event jsonb) returns void language sql as
     $$ select shop.count_up('shared') $$`,
  );
  await addHooks(pool, agent, 'shop.counts', ['tool_before', 'tool_after']);
  const run = await runToEnd(pool, agent);
  expect(run).toMatchObject({ status: 'completed', error: null });
  expect(await readCounter(pool, 'shared')).toBe(8);
});

describe('the answer of a hook', () => {
  test('annotates the step, or the metrics at the end', async () => {
    const { pool } = database;
    const agent = await agentCalling(refund7);
    await pool.query(
      `create function shop.mark(event jsonb) returns jsonb language sql as
       $$ select jsonb_build_object('annotate', jsonb_build_object(event ->> 'event', true)) $$`,
    );
    await addHooks(pool, agent, 'shop.mark', HOOK_EVENTS);
    const run = await runToEnd(pool, agent);
    const { rows } = await pool.query(
      'select kind, annotations from howdah.steps where execution_id = $1 order by seq',
      [run.id],
    );
    expect(rows).toEqual([
      { kind: 'guard', annotations: { before_run: true, after_setup: true } },
      { kind: 'model', annotations: { message_sent: true } },
      { kind: 'tool_started', annotations: { tool_before: true } },
      { kind: 'tool', annotations: { tool_after: true, message_sent: true } },
      { kind: 'model', annotations: { message_sent: true } },
      { kind: 'output', annotations: null },
    ]);
    expect(run).toMatchObject({ metrics: { annotations: { execution_complete: true } } });
  });

  test.each([
    ['refund', refund7, { amount: 1 }],
    ['pay_once', { ...refund7, name: 'pay_once' }, { amount: 1 }],
    ['count_up', count('asked for'), { name: 'decided' }],
  ])('changes the arguments of a call: %s', async (name, call, args) => {
    const { pool } = database;
    const answer = { arguments: args, annotate: { by: 'policy' } };
    const run = await runWith('tool_before', 'answer', answer, call);
    expect(run.status).toBe('completed');
    const steps = await stepsOf(pool, run.id);
    const step = steps.find(({ kind }) => kind === 'tool');
    expect(step).toMatchObject({ name, input: args, error: null });
    const started = steps.find(
      ({ kind }) => kind === (name === 'count_up' ? 'tool' : 'tool_started'),
    );
    expect(started).toMatchObject({ input: args, annotations: { by: 'policy' } });
    if (name === 'count_up') {
      expect([await readCounter(pool, 'asked for'), await readCounter(pool, 'decided')]).toEqual([
        0, 1,
      ]);
    } else {
      expect(refunds.at(-1)).toEqual(args);
    }
    const audit = await auditOf(pool, run.id);
    const seen = audit.filter(({ hook, event }) => hook === 'heard' && event.tool === name);
    // the next hook receives the changed arguments
    expect(seen.map(({ event }) => event.arguments)).toEqual([args, args]);
  });

  test.each([
    [{ arguments: { amount: 'all' } }, /its arguments do not fit refund: amount must be integer/],
    [{ annotate: 7 }, /"annotate" in its answer is not an object/],
    [
      { anotate: {} },
      /"anotate" in its answer is unknown; the answer may contain annotate and arguments/,
    ],
    [[1], /it must return nothing or an object, not \[1\]/],
    ['no', /it must return nothing or an object, not "no"/],
  ])('is a failure when it is invalid: %j', async (answer, message) => {
    const before = refunds.length;
    const run = await runWith('tool_before', 'answer', answer, refund7);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'internal' } });
    expect(run.error?.message).toMatch(message);
    expect(refunds.length).toBe(before);
  });
});

describe('a failure of a hook', () => {
  test.each([
    ['refund', refund7, { refunded: 7 }, 'guard model tool_started tool error'],
    ['count_up', count('done'), 1, 'guard model tool error'],
  ])('fails the run, and the log has the finished call: %s', async (_name, call, output, kinds) => {
    const { pool } = database;
    const run = await runWith('tool_after', 'fail', null, call);
    expect(run).toMatchObject({
      status: 'failed',
      stop_reason: 'error',
      error: {
        code: 'internal',
        message: 'the hook shop.check (tool_after) failed: out of paper',
        cause: { hook: 'shop.check', event: 'tool_after', sqlstate: 'P0001', hint: 'Buy some.' },
      },
    });
    expect(await kindsOf(pool, run.id)).toBe(kinds);
    const step = (await stepsOf(pool, run.id)).find(({ kind }) => kind === 'tool');
    expect(step).toMatchObject({ output, error: null });
    expect(await readCounter(pool, 'done')).toBe(call.name === 'count_up' ? 1 : 0);
    const last = (await auditOf(pool, run.id)).at(-1);
    expect(last?.event).toMatchObject({ event: 'execution_complete', status: 'failed' });
  });

  test.each([
    ['refund', refund7],
    ['pay_once', { ...refund7, name: 'pay_once' }],
    ['count_up', count('never')],
  ])('before a call: it has not begun, and a retry makes it: %s', async (_name, call) => {
    const { pool } = database;
    const before = refunds.length;
    const run = await runWith('tool_before', 'fail', null, call);
    expect(run.error?.message).toBe('the hook shop.check (tool_before) failed: out of paper');
    expect(await kindsOf(pool, run.id)).toBe('guard model error');
    expect([refunds.length, await readCounter(pool, 'never')]).toEqual([before, 0]);
    const { rows } = await pool.query('select from howdah.questions where execution_id = $1', [
      run.id,
    ]);
    expect(rows).toEqual([]); // no person has to check an effect
  });

  test.each([
    ['message_sent', 'guard model error', 2],
    ['before_run', 'error', 1],
    ['execution_complete', 'guard model error', 2],
  ])('at %s: the log has what happened', async (event, kinds, messages) => {
    const run = await runWith(event, 'fail', null);
    expect(run).toMatchObject({ status: 'failed', message_count: messages });
    expect(run.error?.message).toBe(`the hook shop.check (${event}) failed: out of paper`);
    expect(await kindsOf(database.pool, run.id)).toBe(kinds);
  });

  test('is raised by a timeout', async () => {
    const release = await takeLock(database.pool, 71);
    const run = await runWith('tool_after', 'hang', { lock: 71 }, refund7);
    await release();
    expect(run.error).toMatchObject({
      message: 'the hook shop.check (tool_after) failed: it took longer than 100 ms',
      cause: { sqlstate: '57014' },
    });
    expect(await kindsOf(database.pool, run.id)).toBe('guard model tool_started tool error');
  });

  test('a missing function and missing rights are reported', async () => {
    const { pool } = database;
    const agent = await agentCalling();
    await pool.query(
      `create table shop.private (id int);
       create function shop.peeks(event jsonb) returns void language plpgsql as
         $$ begin perform from shop.private; end $$;
       create function shop.goes(event jsonb) returns void language sql as 'select'`,
    );
    await addHooks(pool, agent, 'shop.peeks', ['message_sent']);
    const peeked = await runToEnd(pool, agent);
    expect(peeked.error).toMatchObject({
      message: 'the hook shop.peeks (message_sent) failed: permission denied for table private',
      cause: { hint: expect.stringContaining('rights of howdah_app') },
    });
    await pool.query('delete from howdah.hooks where agent_id = $1', [agent]);
    await addHooks(pool, agent, 'shop.goes', ['message_sent']);
    await pool.query('drop function shop.goes');
    const gone = await runToEnd(pool, agent);
    expect(gone.error?.message).toMatch(
      /shop\.goes \(message_sent\) failed: function .* does not exist/,
    );
  });

  test('a run that fails anyway keeps its own error; the error of the hook is in the metrics', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: [{ error: { code: 'unauthorized' } }] });
    await setReaction(pool, agent, 'execution_complete', 'fail');
    const run = await runToEnd(pool, agent);
    expect(run.status).toBe('failed');
    expect(run.error?.message).not.toMatch(/hook/);
    expect(run).toMatchObject({
      metrics: { hook_errors: [{ message: expect.stringMatching(/failed: out of paper/) }] },
    });
  });

  test.each([
    ['tool_after', refund7, 'guard model tool_started tool error'],
    ['tool_after', count('cancelled'), 'guard model error'],
    ['tool_before', count('cancelled'), 'guard model error'],
    ['execution_complete', refund7, 'guard model tool_started tool model error'],
  ])(
    'a hook that cancels its own run is distinguished from an external cancel: %s %j',
    async (event, call, kinds) => {
      const { pool } = database;
      const run = await runWith(event, 'cancel', null, call);
      expect(run).toMatchObject({ status: 'failed', error: { code: 'internal' } });
      expect(run.error?.message).toMatch(/a hook changed the run it was called for/);
      expect(await kindsOf(pool, run.id)).toBe(kinds);
      expect(await readCounter(pool, 'cancelled')).toBe(0);
    },
  );
});

describe('an external end', () => {
  test.each([
    ['answer', { annotate: { seen: true } }, { annotations: { seen: true } }],
    ['fail', null, { hook_errors: [{ message: expect.stringMatching(/out of paper/) }] }],
    ['refuse', null, { hook_errors: [{ code: 'rejected' }] }],
  ] as const)(
    'calls the hooks once, and cannot be prevented: %s',
    async (deed, answer, metrics) => {
      const { pool } = database;
      const agent = await agentCalling();
      await setReaction(pool, agent, 'execution_complete', deed, answer as JsonObject);
      await addHooks(pool, agent, 'shop.heard', ['execution_complete'], { position: 2 });
      const id = await insertRun(pool, agent, 'later', {
        run_at: new Date(Date.now() + 3_600_000),
      });
      await pool.query('select howdah.cancel_execution($1)', [id]);
      await eventually(
        pool,
        'it is told',
        'select from shop.audit where execution_id = $1 and hook = $2',
        [id, 'heard'],
      );
      await eventually(
        pool,
        'nothing is left',
        'select having not exists (select from howdah_private.ended_runs)',
      );
      expect(await executionOf(pool, id)).toMatchObject({ status: 'cancelled', metrics });
      const events = (await auditOf(pool, id)).filter(({ hook }) => hook === 'heard');
      expect(events.map(({ event }) => [event.event, event.status])).toEqual([
        ['execution_complete', 'cancelled'],
      ]);
    },
  );
});

describe('a call of a child run', () => {
  test.each([
    ['answer', { arguments: { message: 'Be kind.' } }, 'completed'],
    ['refuse', null, 'none'],
  ] as const)('calls hooks like any other: %s', async (deed, answer, child) => {
    const { pool } = database;
    const below = await agentCalling();
    const name = `ask_below_${deed}`;
    await pool.query(
      `insert into howdah.tools (name, kind, agent_id, parameters)
       values ($1, 'agent', $2, '{"type": "object", "properties": {"message": {"type": "string"}}}')`,
      [name, below],
    );
    const agent = await agentCalling({ name, arguments: { message: 'Be quick.' } });
    await setReaction(pool, agent, 'tool_before', deed, answer);
    const run = await runToEnd(pool, agent);
    expect(run.status).toBe('completed');
    const { rows } = await pool.query(
      'select status, input from howdah.executions where parent_execution_id = $1',
      [run.id],
    );
    expect(rows).toEqual(child === 'none' ? [] : [{ status: child, input: 'Be kind.' }]);
    expect(await kindsOf(pool, run.id)).toBe(
      child === 'none' ? 'model tool model output' : 'model child_started child tool model output',
    );
  });
});
