import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import { replayRun } from '../../../src/index.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  type AgentSpec,
  callTools,
  createLatch,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  runToEnd,
  shortenBackOff,
  waitForEnd,
} from '../arrange.ts';
import { createShop } from '../shop.ts';
import {
  addMessage,
  answerAndWait,
  createHangingTool,
  expectEqualReplay,
  loadExport,
  tool,
  waitForQuestion,
} from './replay-runs.ts';

// Every course of a run, executed by a real worker, exported, and replayed without a worker.

const database = testDatabase();
const workers: Worker[] = [];
/** Whether the worker has tools of a single test. */
let hasOtherTools = false;
const servers: FakeServer[] = [];
let gate = createLatch();
let attempts = 0;

/** Postgres can store neither NUL nor half a surrogate pair. */
const ODD = 'nul \u0000, half \ud83d, whole 🐘';

const tools = [
  tool('lookup', ({ id }) => ({ zeta: id ?? null, alpha: [1, { b: 2, a: 1 }] })),
  tool('first', async () => {
    await gate.opened;
    return 'late';
  }),
  tool('second', () => {
    setImmediate(() => gate.open());
    return 'early';
  }),
  tool('flaky', () => {
    attempts += 1;
    return attempts === 1 ? new Promise(() => {}) : 'at last';
  }),
  tool('broken', () => {
    throw new Error(`it broke ${'x'.repeat(5_000)}`);
  }),
  tool('odd', ({ how }) => {
    if (how === 'thrown') throw new Error(ODD);
    return how === 'long' ? { long: 'ä'.repeat(70_000), also: 1 } : { [ODD]: [ODD], also: 1 };
  }),
  tool('refund', ({ amount }) => `refunded ${amount}`, 'once'),
  tool('book', () => ({ booking: 7 }), 'once'),
  tool('unbook', () => 'unbooked', 'once'),
];

beforeAll(async () => {
  await createShop(database.pool);
  await shortenBackOff(database.pool);
  const worker = await startTestWorker(database.url, { tools });
  await database.pool.query(`
    update howdah.tools set timeout_ms = 300 where name = 'flaky';
    update howdah.tools set requires_approval = true where name = 'refund';
    update howdah.tools as t set compensation_tool_id = u.id from howdah.tools as u
      where t.name = 'book' and u.name = 'unbook'`);
  await worker.stop(0);
});
beforeEach(async () => {
  if (workers.length === 0) workers.push(await startTestWorker(database.url, { tools }));
});
afterEach(async () => {
  gate = createLatch();
  attempts = 0;
  if (hasOtherTools) await stopWorkers();
  await Promise.all(servers.splice(0).map((server) => server.close()));
  expect(await findViolations(database.pool)).toEqual([]);
});

afterAll(stopWorkers);

async function stopWorkers(): Promise<void> {
  hasOtherTools = false;
  await Promise.all(workers.splice(0).map((one) => one.stop(0)));
}

/** Replaces the worker by another one, after it has released all of its runs. */
async function restart(others: CustomTool[]): Promise<void> {
  await stopWorkers();
  hasOtherTools = true;
  workers.push(await startTestWorker(database.url, { tools: others }));
}

async function runOf(spec: AgentSpec, input?: string): Promise<string> {
  return (await runToEnd(database.pool, await makeAgent(database.pool, spec), input)).id;
}

describe('a replay equals its run', () => {
  test('with tools of every kind, one after the other', async () => {
    const script = [
      callTools({ name: 'lookup', arguments: { id: 1 } }),
      callTools({ name: 'count_up', arguments: { name: 'replay' } }),
      callTools({ name: 'count_up_and_fail', arguments: { name: 'replay' } }),
      callTools({ name: 'broken' }),
      callTools({ name: 'nowhere' }),
      callTools({ name: 'lookup', arguments: '{"id":' }),
      callTools({ name: 'todo', arguments: { action: 'add', title: 'look' } }),
      { content: 'done' },
    ];
    const tools = ['lookup', 'count_up', 'count_up_and_fail', 'broken', 'todo'];
    const id = await runOf({ script, tools, instruction: 'Use them all.' });
    const run = await expectEqualReplay(database.pool, id);
    expect(run.steps.filter(({ error }) => error)).toHaveLength(4);
  });

  test('with text that the database cannot store, and results that are truncated', async () => {
    const { pool } = database;
    const server = await startOpenAiServer(({ index }) => {
      const name = index === 3 ? ODD : 'odd';
      const how = ['thrown', 'returned', ODD, ODD, 'long'][index];
      return how === undefined
        ? { content: ODD }
        : { tool_calls: [{ name, arguments: { how, [ODD]: ODD } }] };
    });
    servers.push(server);
    const models = [{ provider: 'openai', base_url: server.url }];
    const id = await runOf({ models, tools: ['odd'] });
    const run = await expectEqualReplay(pool, id);
    expect(run.steps.map(({ kind }) => kind).filter((kind) => kind === 'tool')).toHaveLength(5);
  });

  test('with parallel calls whose results arrived in another order', async () => {
    const script = [
      callTools(
        { name: 'first' },
        { name: 'second' },
        { name: 'count_up', arguments: { name: 'a' } },
      ),
      callTools(
        { name: 'count_up', arguments: { name: 'a' } },
        { name: 'count_up', arguments: { name: 'a' } },
      ),
      { content: 'done' },
    ];
    const id = await runOf({ script, tools: ['first', 'second', 'count_up'] });
    const run = await expectEqualReplay(database.pool, id);
    const names = run.steps.filter(({ kind }) => kind === 'tool').map(({ name }) => name);
    expect(names.indexOf('second')).toBeLessThan(names.indexOf('first'));
  });

  test('with failed attempts of models and tools, skipping the delays', async () => {
    const script = [
      { error: { status: 503 }, times: 1 },
      callTools({ name: 'flaky' }, { name: 'lookup' }),
      { error: { status: 429, retry_after_ms: 2_001 }, times: 1 },
      { content: 'done' },
    ];
    const id = await runOf({ script, tools: ['flaky', 'lookup'] });
    const run = await expectEqualReplay(database.pool, id);
    const retries = run.steps.filter(({ kind }) => kind === 'retry');
    expect(new Set(retries.map(({ error }) => error?.code))).toEqual(
      new Set(['overloaded', 'timeout', 'rate_limited']),
    );
  });

  test('with a failed model and its fallback', async () => {
    const bad = { error: { status: 401, message: 'no' } };
    const models = [{ script: [bad] }, { script: [{ content: 'me then' }] }];
    await expectEqualReplay(database.pool, await runOf({ models }));
  });

  test('with a question to a person, an approval with edited arguments, and a remembered approval', async () => {
    const { pool } = database;
    const script = [
      callTools({ name: 'ask_user', arguments: { question: 'How much?' } }),
      callTools({ name: 'refund', arguments: { amount: 5 } }),
      callTools({ name: 'refund', arguments: { amount: 1 } }),
      callTools({ name: 'refund', arguments: { amount: 2 } }),
      { content: 'done' },
    ];
    const agent = await makeAgent(pool, { script, tools: ['refund'] });
    await pool.query('update howdah.agents set human_input = true where id = $1', [agent]);
    const id = await insertRun(pool, agent);
    await pool.query(`select howdah.answer_question($1, 'five')`, [
      await waitForQuestion(pool, id),
    ]);
    const approval = `select howdah.answer_question($1, 'approve', $2)`;
    await pool.query(approval, [await waitForQuestion(pool, id), { amount: 4 }]);
    await answerAndWait(pool, id, `select howdah.approve($1, 'run')`);
    const run = await expectEqualReplay(pool, id);
    expect(run.questions).toHaveLength(3);
    expect(run.messages.map(({ content }) => content)).toContain('refunded 4');
  });

  test('with a rejected approval', async () => {
    const { pool } = database;
    const script = [callTools({ name: 'refund', arguments: { amount: 5 } }), { content: 'done' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['refund'] }));
    await answerAndWait(pool, id, `select howdah.reject($1, 'too much')`);
    await expectEqualReplay(pool, id);
  });

  test('with children and grandchildren', async () => {
    const { pool } = database;
    const helper = await makeAgent(pool, {
      script: [callTools({ name: 'lookup', arguments: { id: 2 } }), { content: 'two' }],
      tools: ['lookup'],
    });
    const weak = await makeAgent(pool, { script: [{ error: { status: 400 } }] });
    await pool.query(
      `insert into howdah.tools (name, description, kind, agent_id, parameters)
       select t.name, '', 'agent', t.id, '{"type": "object", "properties": {"message": {"type": "string"}}}'
       from (values ('helper', $1::uuid), ('weak', $2)) as t (name, id)`,
      [helper, weak],
    );
    const script = [
      callTools(
        { name: 'helper', arguments: { message: 'a' } },
        { name: 'weak', arguments: { message: 'b' } },
      ),
      { content: 'done' },
    ];
    const run = await expectEqualReplay(pool, await runOf({ script, tools: ['helper', 'weak'] }));
    expect(run.children.map(({ execution }) => execution.status).toSorted()).toEqual([
      'completed',
      'failed',
    ]);
  });

  test('with guards: a loop, a repaired answer, a limit, and a renewed limit', async () => {
    const { pool } = database;
    const again = callTools({ name: 'lookup', arguments: { id: 1 } });
    const loop = { script: Array.from({ length: 8 }, () => again), tools: ['lookup'] };
    expect(
      await kindsOf(
        pool,
        await expectEqualReplay(pool, await runOf(loop)).then(({ execution }) => execution.id),
      ),
    ).toMatch(/guard/);
    const output_schema = {
      type: 'object',
      required: ['n'],
      properties: { n: { type: 'integer' } },
    };
    await expectEqualReplay(
      pool,
      await runOf({ script: [{ content: '{}' }, { content: '{"n": 1}' }], output_schema }),
    );
    const script = [
      again,
      callTools({ name: 'lookup', arguments: { id: 2 } }),
      { content: 'done' },
    ];
    const id = await runOf({ script, tools: ['lookup'], max_steps: 2 });
    await expectEqualReplay(pool, id);
    await pool.query('select howdah.retry_execution($1)', [id]);
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect((await expectEqualReplay(pool, id)).steps.map(({ kind }) => kind)).toContain('retry');
  });

  test('with a summarized conversation', async () => {
    const { pool } = database;
    const server = await startOpenAiServer(({ index, body }) => {
      const said = body.messages as { role: string; content: string }[];
      if (!body.tools) return { content: 'a summary' };
      if (said.some(({ content }) => content?.includes('a summary'))) return { content: 'done' };
      const id = `${index} ${'word '.repeat(300)}`;
      return { tool_calls: [{ name: 'lookup', arguments: { id } }] };
    });
    servers.push(server);
    const models = [{ provider: 'openai', base_url: server.url }];
    const agent = await makeAgent(pool, { models, tools: ['lookup'], max_steps: 20 });
    await pool.query(`update howdah.agents set context_policy = 'summarize' where id = $1`, [
      agent,
    ]);
    await pool.query(
      `update howdah.models set context_tokens = 5000 where id =
         (select model_id from howdah.agent_models where agent_id = $1)`,
      [agent],
    );
    const run = await expectEqualReplay(pool, (await runToEnd(pool, agent)).id);
    expect(run.execution.output).toBe('done');
    expect(run.messages.some(({ covers_to_seq }) => covers_to_seq)).toBe(true);
  });

  test('of a session, with its history', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: [{ content: 'one' }, { content: 'two' }] });
    const { rows } = await pool.query('insert into howdah.sessions default values returning id');
    await runToEnd(pool, agent, 'first', { session_id: rows[0].id });
    const { id } = await runToEnd(pool, agent, 'second', {
      session_id: rows[0].id,
      input_data: { n: 1 },
    });
    const run = await expectEqualReplay(pool, id);
    expect(run.history.map(({ content }) => content)).toEqual(['first', 'one']);
  });

  test('that received input just before its end', async () => {
    const { pool } = database;
    const server = await startOpenAiServer(async ({ index }) => {
      if (index === 0) await gate.opened;
      return { content: `answer ${index}` };
    });
    servers.push(server);
    const models = [{ provider: 'openai', base_url: server.url }];
    const agent = await makeAgent(pool, { models });
    const id = await insertRun(pool, agent, 'one');
    await expect.poll(() => server.requests.length).toBe(1);
    await addMessage(pool, id, 'and two');
    gate.open();
    await waitForEnd(pool, id);
    const run = await expectEqualReplay(pool, id);
    expect(run.steps.map(({ kind }) => kind)).toEqual(['model', 'input', 'model', 'output']);
  });

  test('that received input during its tool calls', async () => {
    const { pool } = database;
    const script = [callTools({ name: 'first' }, { name: 'lookup' }), { content: 'done' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['first', 'lookup'] }));
    await eventually(pool, 'it calls', 'select from howdah.steps where execution_id = $1', [id]);
    await addMessage(pool, id, 'hurry');
    gate.open();
    await waitForEnd(pool, id);
    const run = await expectEqualReplay(pool, id);
    expect(run.steps.map(({ kind }) => kind)).toEqual([
      'model',
      'tool',
      'tool',
      'input',
      'model',
      'output',
    ]);
  });

  test('that failed, and one that was compensated', async () => {
    const { pool } = database;
    const script = [callTools({ name: 'book' }), { error: { status: 400 } }];
    const id = await runOf({ script, tools: ['book'] });
    await expectEqualReplay(pool, id);
    const undoing = await eventually<{ id: string }>(
      pool,
      'the effect is taken back',
      `select id from howdah.executions where compensates_execution_id = $1 and status = 'completed'`,
      [id],
    );
    expect((await expectEqualReplay(pool, undoing.id)).steps.map(({ kind }) => kind)).toContain(
      'tool_started',
    );
  });

  test('cancelled during a call, and retried', async () => {
    const { pool } = database;
    const started = createLatch();
    await restart([...tools, createHangingTool('hang', started)]);
    const script = [callTools({ name: 'lookup' }, { name: 'hang' }), { content: 'done' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['lookup', 'hang'] }));
    await started.opened;
    await pool.query('select howdah.cancel_execution($1)', [id]);
    await expectEqualReplay(pool, id);
    await pool.query('select howdah.retry_execution($1)', [id]);
    await answerAndWait(pool, id, `select howdah.answer_question($1, 'give_up')`);
    expect((await expectEqualReplay(pool, id)).steps.map(({ kind }) => kind)).toContain('answer');
  });

  test('resumed by another worker that repeated a call after the first worker was lost', async () => {
    const { pool } = database;
    const started = createLatch();
    await restart([...tools, createHangingTool('send', started)]);
    const script = [callTools({ name: 'send' }, { name: 'lookup' }), { content: 'done' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['send', 'lookup'] }));
    await started.opened;
    await eventually(
      pool,
      'the other call is over',
      `select from howdah.steps where execution_id = $1 and kind = 'tool'`,
      [id],
    );
    await restart([...tools, tool('send', () => 'sent', 'once')]);
    await answerAndWait(pool, id, `select howdah.answer_question($1, 'again')`);
    const run = await expectEqualReplay(pool, id);
    expect(run.steps.filter(({ kind }) => kind === 'tool_started')).toHaveLength(2);
    expect(new Set(run.steps.map((step) => step.worker)).size).toBe(3);
  });

  test('forked in the middle and from the beginning, and paused and resumed on the way', async () => {
    const { pool } = database;
    const script = [
      callTools({ name: 'first' }),
      callTools({ name: 'lookup' }),
      { content: 'done' },
    ];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['first', 'lookup'] }));
    await eventually(pool, 'it calls', 'select from howdah.steps where execution_id = $1', [id]);
    await pool.query('select howdah.pause_execution($1)', [id]);
    gate.open();
    await eventually(
      pool,
      'it pauses',
      `select from howdah.executions where id = $1 and status = 'paused'`,
      [id],
    );
    await expectEqualReplay(pool, id);
    await pool.query('select howdah.resume_execution($1)', [id]);
    await waitForEnd(pool, id);
    await expectEqualReplay(pool, id);
    for (const [seq, input] of [
      [2, 'go on'],
      [0, null],
    ]) {
      const { rows } = await pool.query('select (howdah.fork_execution($1, $2, $3)).id', [
        id,
        seq,
        input,
      ]);
      await waitForEnd(pool, rows[0].id);
      const run = await loadExport(pool, rows[0].id);
      expect(await replayRun(run)).toEqual({
        equal: true,
        steps: run.steps.length - Number(seq) - 1,
        divergences: [],
      });
    }
  });

  test('whose question expired', async () => {
    const { pool } = database;
    const script = [callTools({ name: 'refund', arguments: { amount: 5 } })];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['refund'] }));
    await pool.query('update howdah.questions set expires_at = now() where id = $1', [
      await waitForQuestion(pool, id),
    ]);
    expect((await waitForEnd(pool, id)).stop_reason).toBe('expired');
    await expectEqualReplay(pool, id);
  });

  test('of runs that have not ended: one that waits for a person, one not yet begun', async () => {
    const { pool } = database;
    const script = [callTools({ name: 'refund', arguments: { amount: 5 } }), { content: 'done' }];
    const agent = await makeAgent(pool, { script, tools: ['refund'] });
    const waiting = await insertRun(pool, agent);
    await waitForQuestion(pool, waiting);
    await expectEqualReplay(pool, waiting);
    const later = await insertRun(pool, agent, 'later', {
      run_at: new Date(Date.now() + 3_600_000),
    });
    await expectEqualReplay(pool, later);
  });
});
