import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { replayRun } from '../../../src/runtime/replay/replay-run.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  createLatch,
  executionOf,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  resultsOf,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
/** Arguments of the tool calls, in order. */
let paid: JsonObject[] = [];
let slow = createLatch();

const parameters = {
  type: 'object',
  properties: { cents: { type: 'integer', maximum: 100 } },
} as const;
const tool = (
  name: string,
  run: CustomTool['run'],
  more: Partial<CustomTool> = {},
): CustomTool => ({
  name,
  description: '',
  parameters,
  run,
  ...more,
});
const pay = (args: JsonObject) => {
  paid.push(args);
  return `paid ${args.cents}`;
};
const tools = [
  tool('pay', pay),
  tool('free', pay),
  tool('look', () => 'seen'),
  tool('slow', () => slow.opened.then(() => 'done')),
  tool('transfer', (args) => pay(args) && new Promise(() => {}), { effect: 'once' }),
  tool('odd', pay, {
    parameters: {
      type: 'object',
      properties: { cents: { type: 'integer' } },
      unevaluatedProperties: false,
    },
  }),
];

beforeAll(async () => {
  worker = await startTestWorker(database.url, { tools });
  await database.pool.query(
    `update howdah.tools set requires_approval = true where name in ('pay', 'transfer', 'odd')`,
  );
});
beforeEach(() => {
  paid = [];
  slow = createLatch();
});
afterEach(async () => {
  slow.open();
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await worker.stop(0);
});

type Question = {
  id: string;
  execution_id: string;
  root_execution_id: string;
  session_id: string | null;
  kind: string;
  prompt: string;
  schema: object | null;
  options: string[] | null;
  tool_call: object;
};

/**
 * Waits for this number of open questions of a run and its descendants, and returns them in order.
 */
async function questionsOf(root: string, count = 1): Promise<Question[]> {
  const { questions } = await eventually<{ questions: Question[] }>(
    database.pool,
    `run ${root} asks ${count} questions`,
    `select jsonb_agg(q order by q.id) as questions from howdah.questions as q
     where q.root_execution_id = $1 and q.status = 'open' having count(*) = $2`,
    [root, count],
  );
  return questions;
}

/** Returns the only open question, once the run is parked for it. */
async function waitForQuestion(root: string): Promise<Question> {
  const [question] = await questionsOf(root);
  await eventually(
    database.pool,
    `run ${root} waits`,
    `select from howdah.executions where root_execution_id = $1 and waiting_for = 'question'`,
    [root],
  );
  return question as Question;
}

const answer = (id: string | undefined, text: string | null, data?: unknown) =>
  database.pool.query('select howdah.answer_question($1, $2, $3)', [
    id,
    text,
    data === undefined ? null : JSON.stringify(data),
  ]);

/** Sets the configuration of the tools of an agent. */
const configure = (
  agent: string,
  name: string,
  columns: { question?: object; approval?: boolean },
) =>
  database.pool.query(
    `update howdah.agent_tools as g set configuration = $3, requires_approval = $4
     from howdah.tools as t where t.id = g.tool_id and g.agent_id = $1 and t.name = $2`,
    [agent, name, JSON.stringify({ question: columns.question ?? null }), columns.approval],
  );

/** Adds a tool that calls the agent, and returns its name. */
async function toolOf(agent: string): Promise<string> {
  const name = `child_${agent.slice(-12)}`;
  await database.pool.query(
    `insert into howdah.tools (name, kind, agent_id, parameters)
     values ($1, 'agent', $2, '{"type": "object", "properties": {"message": {"type": "string"}}}')`,
    [name, agent],
  );
  return name;
}

/** Moves the deadlines of the run's questions into the past. */
async function expireDeadlines(root: string): Promise<void> {
  await database.pool.query(
    'update howdah.questions set expires_at = now() where root_execution_id = $1',
    [root],
  );
  await database.pool.query('select howdah_private.run_timers()');
}

const ask = callTools({ name: 'ask_user', arguments: { question: 'Which colour?' } });
const payment = (cents = 7) => callTools({ name: 'pay', arguments: { cents } });
const end = { content: 'ok' };

describe('ask_user', () => {
  test('parks the run without a worker; the answer is the result of the call', async () => {
    const { pool } = database;
    const id = await insertRun(
      pool,
      await makeAgent(pool, { script: [ask, end], tools: ['ask_user'] }),
    );
    const question = await waitForQuestion(id);
    expect(question).toMatchObject({ kind: 'question', prompt: 'Which colour?', options: null });
    await expect.poll(() => worker.inFlight).toBe(0);
    expect(await executionOf(pool, id)).toMatchObject({ status: 'waiting', owner_worker: null });
    await answer(question.id, 'red');
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'ok' });
    expect(await resultsOf(pool, id)).toEqual(['red']);
    expect(await kindsOf(pool, id)).toBe('model question answer tool model output');
  });

  test('is available to agents with human input and offers options', async () => {
    const { pool } = database;
    const options = ['red', 'blue'];
    const asking = callTools({ name: 'ask_user', arguments: { question: 'Which?', options } });
    const agent = await makeAgent(pool, { script: [asking, end] });
    await pool.query('update howdah.agents set human_input = true where id = $1', [agent]);
    const id = await insertRun(pool, agent);
    const question = await waitForQuestion(id);
    expect(question.options).toEqual(options);
    await expect(answer(question.id, 'green')).rejects.toMatchObject({ code: 'HWINV' });
    await answer(question.id, 'blue');
    await waitForEnd(pool, id);
    expect(await resultsOf(pool, id)).toEqual(['blue']);
  });

  test('parses a text answer to the type that its schema requires', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: [ask, end], tools: ['ask_user'] });
    const schema = {
      type: 'object',
      required: ['floor'],
      properties: { floor: { type: 'integer' } },
    };
    await configure(agent, 'ask_user', { question: { schema } });
    const id = await insertRun(pool, agent);
    const question = await waitForQuestion(id);
    expect(question.schema).toEqual(schema);
    await expect(answer(question.id, '{"floor": "two"}')).rejects.toThrow(/floor/);
    await answer(question.id, '{"floor": 2}');
    await waitForEnd(pool, id);
    expect(JSON.parse((await resultsOf(pool, id))[0] ?? '')).toEqual({ floor: 2 });
  });

  test('of a sub-agent is listed at the root; the child gets the answer, the parent its result', async () => {
    const { pool } = database;
    const child = await makeAgent(pool, {
      script: [ask, { content: 'it is red' }],
      tools: ['ask_user'],
    });
    const name = await toolOf(child);
    const script = [callTools({ name, arguments: { message: 'go' } }), end];
    const agent = await makeAgent(pool, { script, tools: [name] });
    const session = await pool.query(
      `insert into howdah.sessions (title) values ('s') returning id`,
    );
    const session_id = session.rows[0].id;
    const id = await insertRun(pool, agent, 'hello', { session_id });
    const question = await waitForQuestion(id);
    expect(question).toMatchObject({ root_execution_id: id, session_id });
    expect(question.execution_id).not.toBe(id);
    await answer(question.id, 'red');
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed' });
    expect(await resultsOf(pool, question.execution_id)).toEqual(['red']);
    expect(await resultsOf(pool, id)).toEqual(['it is red']);
  });
});

describe('an approval', () => {
  const start = async (script = [payment(), end], names = ['pay']) =>
    insertRun(database.pool, await makeAgent(database.pool, { script, tools: names }));

  test('lets the call run, and nothing runs before', async () => {
    const { pool } = database;
    const id = await start();
    const question = await waitForQuestion(id);
    expect(question).toMatchObject({
      kind: 'approval',
      prompt: 'Approve pay({"cents":7})?',
      tool_call: { name: 'pay', arguments: { cents: 7 } },
      schema: parameters,
    });
    expect(paid).toEqual([]);
    await pool.query('select howdah.approve($1)', [question.id]);
    await waitForEnd(pool, id);
    expect([paid, await resultsOf(pool, id)]).toEqual([[{ cents: 7 }], ['paid 7']]);
  });

  test('when rejected tells the model the reason, and the run continues', async () => {
    const { pool } = database;
    const id = await start();
    await pool.query(`select howdah.reject($1, 'too dear')`, [(await waitForQuestion(id)).id]);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed' });
    expect(paid).toEqual([]);
    expect((await resultsOf(pool, id))[0]).toMatch(/ did not allow this call: too dear/);
  });

  test('with edited arguments makes the call with them and logs the edit', async () => {
    const { pool } = database;
    const id = await start();
    const { id: question } = await waitForQuestion(id);
    await expect(answer(question, 'approve', { cents: 101 })).rejects.toThrow(/cents/);
    await answer(question, 'approve', { cents: 3 });
    await waitForEnd(pool, id);
    expect(paid).toEqual([{ cents: 3 }]);
    const step = (await stepsOf(pool, id)).find(({ kind }) => kind === 'tool');
    expect(step).toMatchObject({ input: { cents: 3 }, output: 'paid 3' });
  });

  test('is validated by the worker where SQL cannot judge the parameters', async () => {
    const { pool } = database;
    const id = await start([callTools({ name: 'odd', arguments: { cents: 1 } }), end], ['odd']);
    await answer((await waitForQuestion(id)).id, 'approve', { cents: 'many' });
    await waitForEnd(pool, id);
    expect(paid).toEqual([]);
    expect((await resultsOf(pool, id))[0]).toMatch(/cents must be integer/);
  });

  test('with edited arguments shows them in a later question about the effect', async () => {
    const { pool } = database;
    await pool.query(`update howdah.tools set timeout_ms = 100 where name = 'transfer'`);
    const id = await start(
      [callTools({ name: 'transfer', arguments: { cents: 9 } }), end],
      ['transfer'],
    );
    await answer((await waitForQuestion(id)).id, 'approve', { cents: 4 });
    const effect = await waitForQuestion(id);
    expect(effect).toMatchObject({ kind: 'effect', tool_call: { arguments: { cents: 4 } } });
    await answer(effect.id, 'done', { receipt: 1 });
    await waitForEnd(pool, id);
    expect(paid).toEqual([{ cents: 4 }]);
    const step = (await stepsOf(pool, id)).find(({ kind }) => kind === 'tool');
    expect(step).toMatchObject({ input: { cents: 4 }, output: { receipt: 1 } });
  });

  test('is required or not, as configured for the agent’s tool', async () => {
    const { pool } = database;
    const free = await makeAgent(pool, { script: [payment(), end], tools: ['pay'] });
    await configure(free, 'pay', { approval: false });
    expect(await waitForEnd(pool, await insertRun(pool, free))).toMatchObject({
      status: 'completed',
    });
    expect(paid).toEqual([{ cents: 7 }]);
    const strict = await makeAgent(pool, {
      script: [callTools({ name: 'look' }), end],
      tools: ['look'],
    });
    await configure(strict, 'look', { approval: true });
    const id = await insertRun(pool, strict);
    expect(await waitForQuestion(id)).toMatchObject({ kind: 'approval' });
    await pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('of one of several calls does not delay the others', async () => {
    const { pool } = database;
    const calls = [
      { name: 'pay', arguments: { cents: 1 } },
      { name: 'look', arguments: {} },
      { name: 'pay', arguments: { cents: 2 } },
    ];
    const id = await start([callTools(...calls), end], ['pay', 'look']);
    await questionsOf(id, 2);
    await eventually(
      pool,
      'look has been called',
      `select from howdah.steps where execution_id = $1 and kind = 'tool' and name = 'look'`,
      [id],
    );
    const open = await questionsOf(id, 2);
    const second = open.find(({ prompt }) => prompt.includes('2'));
    const first = open.find(({ prompt }) => prompt.includes('1'));
    await answer(second?.id, 'approve');
    await expect.poll(() => paid).toEqual([{ cents: 2 }]);
    expect(await waitForQuestion(id)).toMatchObject({ id: first?.id });
    await answer(first?.id, 'reject', 'no');
    await waitForEnd(pool, id);
    expect(paid).toEqual([{ cents: 2 }]);
    expect(await resultsOf(pool, id)).toHaveLength(3);
  });

  test('is not lost when it arrives while the run is still active', async () => {
    const { pool } = database;
    const id = await start(
      [callTools({ name: 'pay', arguments: { cents: 5 } }, { name: 'slow' }), end],
      ['pay', 'slow'],
    );
    const [question] = await questionsOf(id);
    await answer(question?.id, 'approve');
    expect(await executionOf(pool, id)).toMatchObject({ status: 'running', has_inbox: true });
    slow.open();
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed' });
    expect(paid).toEqual([{ cents: 5 }]);
  });

  test('of a paused run takes effect when it is resumed', async () => {
    const { pool } = database;
    const id = await start();
    const question = await waitForQuestion(id);
    await pool.query('select howdah.pause_execution($1)', [id]);
    await answer(question.id, 'approve');
    expect(await executionOf(pool, id)).toMatchObject({ status: 'paused' });
    expect(paid).toEqual([]);
    await pool.query('select howdah.resume_execution($1)', [id]);
    await waitForEnd(pool, id);
    expect(paid).toEqual([{ cents: 7 }]);
  });
});

describe('changes during a run apply to its next call', () => {
  /**
   * Starts a run of three rounds of calls that waits in the middle; returns it after the first
   * round.
   */
  async function startRun(
    columns: { user?: string; tools?: string[] } = {},
  ): Promise<{ agent: string; id: string }> {
    const { pool } = database;
    const { tools = ['free', 'slow'] } = columns;
    const free = (cents: number) => callTools({ name: 'free', arguments: { cents } });
    const agent = await makeAgent(pool, {
      script: [free(1), callTools({ name: 'slow' }), free(2), end],
      tools,
    });
    const { rows } = await pool.query(
      `insert into howdah.executions (agent_id, input, user_id) values ($1, 'x', $2) returning id`,
      [agent, columns.user],
    );
    await expect.poll(() => kindsOf(pool, rows[0].id)).toBe('model tool model');
    return { agent, id: rows[0].id };
  }
  const lastResultOf = async (id: string) =>
    JSON.parse((await resultsOf(database.pool, id)).at(-1) ?? '');
  const replayExport = async (id: string) => {
    const { rows } = await database.pool.query('select howdah.export_run($1) as run', [id]);
    return replayRun(rows[0].run);
  };

  test.each([
    ['the tool', `update howdah.tools set requires_approval = true where name = 'free'`],
    [
      'the agent',
      `update howdah.agent_tools as g set requires_approval = true from howdah.tools as t
       where t.id = g.tool_id and t.name = 'free'`,
    ],
  ])('a call needs the approval that %s now requires, in a fork as well', async (_whose, edit) => {
    const { pool } = database;
    const { id } = await startRun();
    await pool.query(edit);
    slow.open();
    const question = await waitForQuestion(id);
    expect(question).toMatchObject({ kind: 'approval', prompt: expect.stringContaining('2') });
    expect(paid).toEqual([{ cents: 1 }]);
    await answer(question.id, 'approve');
    await waitForEnd(pool, id);
    expect(paid).toEqual([{ cents: 1 }, { cents: 2 }]);
    expect(await replayExport(id)).toMatchObject({ equal: true });

    const fork = await pool.query('select f.id from howdah.fork_execution($1, 0) as f', [id]);
    const again = await waitForQuestion(fork.rows[0].id);
    await pool.query(`update howdah.tools set requires_approval = false where name = 'free'`);
    await pool.query(`update howdah.agent_tools set requires_approval = null`);
    await answer(again.id, 'reject');
    await waitForEnd(pool, fork.rows[0].id);
    expect((await resultsOf(pool, fork.rows[0].id))[0]).toContain('did not allow');
  });

  test('an approval that is no longer required is still requested, as the version says', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [callTools({ name: 'slow' }), payment(), end],
      tools: ['pay', 'slow'],
    });
    const id = await insertRun(pool, agent);
    await expect.poll(() => kindsOf(pool, id)).toBe('model');
    await configure(agent, 'pay', { approval: false });
    slow.open();
    await answer((await waitForQuestion(id)).id, 'approve');
    await waitForEnd(pool, id);
  });

  test.each([
    [
      'deactivated',
      'is no longer active',
      `update howdah.tools set is_active = false where name = 'free'`,
    ],
    [
      'removed from its agent',
      'was removed from the agent',
      `delete from howdah.agent_tools as g using howdah.tools as t where t.id = g.tool_id and t.name = 'free'`,
    ],
  ])(
    'a tool that was %s is not called, and the model gets an error',
    async (_how, reason, edit) => {
      const { pool } = database;
      const { id } = await startRun();
      await pool.query(edit);
      slow.open();
      await waitForEnd(pool, id);
      expect(await lastResultOf(id)).toMatchObject({
        error: { code: 'rejected', message: `free may not be called any more: it ${reason}` },
      });
      expect(paid).toEqual([{ cents: 1 }]);
      await pool.query(`update howdah.tools set is_active = true where name = 'free'`);
      expect(await replayExport(id)).toMatchObject({ equal: true });
    },
  );

  test('a revoked grant or role of its user', async () => {
    const { pool } = database;
    for (const edit of [
      'delete from howdah.grants where user_id = $1',
      `update howdah.users set role = 'viewer' where id = $1`,
      'update howdah.users set is_active = false where id = $1',
    ]) {
      const { rows } = await pool.query(
        `insert into howdah.users (username, role) values (gen_random_uuid()::text, 'member') returning id`,
      );
      const user = rows[0].id;
      const { agent, id } = await startRun({ user });
      await pool.query(
        `insert into howdah.grants (agent_id, user_id, permission) select $1, $2, 'run' where $3`,
        [agent, user, edit.includes('grants')],
      );
      await pool.query(
        `insert into howdah.grants (agent_id, role, permission) select $1, 'admin', 'run' where $2`,
        [agent, edit.includes('grants')],
      );
      await pool.query(edit, [user]);
      slow.open();
      await waitForEnd(pool, id);
      expect(await lastResultOf(id)).toMatchObject({
        error: {
          message:
            'free may not be called any more: the user of the run may no longer run its agent',
        },
      });
      slow = createLatch();
    }
    expect(paid).toEqual([{ cents: 1 }, { cents: 1 }, { cents: 1 }]);
    await pool.query('delete from howdah.grants');
  });
});

describe('a remembered approval', () => {
  const approveWithScope = (id: string | undefined, scope: string) =>
    database.pool.query('select howdah.approve($1, $2)', [id, scope]);

  test('for the run is not requested again in it, but in the next run', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: [payment(1), payment(2), end], tools: ['pay'] });
    const id = await insertRun(pool, agent);
    await approveWithScope((await waitForQuestion(id)).id, 'run');
    await waitForEnd(pool, id);
    expect(paid).toEqual([{ cents: 1 }, { cents: 2 }]);
    const next = await insertRun(pool, agent);
    await approveWithScope((await waitForQuestion(next)).id, 'agent');
    await waitForEnd(pool, next);
  });

  test('applies at once to an active run', async () => {
    const { pool } = database;
    const both = callTools({ name: 'pay', arguments: { cents: 1 } }, { name: 'slow' });
    const agent = await makeAgent(pool, {
      script: [both, payment(2), payment(3), end],
      tools: ['pay', 'slow'],
    });
    const id = await insertRun(pool, agent);
    const [question] = await questionsOf(id);
    await approveWithScope(question?.id, 'run');
    slow.open();
    await waitForEnd(pool, id);
    expect(paid).toEqual([{ cents: 1 }, { cents: 2 }, { cents: 3 }]);
  });

  test('for the agent is revoked by deleting its row, also for an active run', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [payment(1), callTools({ name: 'slow' }), payment(2), end],
      tools: ['pay', 'slow'],
    });
    const first = await insertRun(pool, agent);
    await approveWithScope((await waitForQuestion(first)).id, 'agent');
    await expect.poll(() => kindsOf(pool, first)).toBe('model question answer tool model');
    await pool.query('delete from howdah.approvals where agent_id = $1', [agent]);
    slow.open();
    const asking = await waitForQuestion(first);
    expect(asking.prompt).toContain('2');
    expect(paid).toEqual([{ cents: 1 }]);
    await answer(asking.id, 'reject');
    await waitForEnd(pool, first);
  });

  test('for the session applies to its next turns only', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [payment(), end],
      tools: ['pay'],
      use_history: false,
    });
    const { rows } = await pool.query(
      `insert into howdah.sessions (title) values ('a'), ('b') returning id`,
    );
    const turn = (place: number) => insertRun(pool, agent, 'hello', { session_id: rows[place].id });
    const first = await turn(0);
    await approveWithScope((await waitForQuestion(first)).id, 'session');
    await waitForEnd(pool, first);
    expect(await waitForEnd(pool, await turn(0))).toMatchObject({ status: 'completed' });
    expect(paid).toHaveLength(2);
    const elsewhere = await turn(1);
    await answer((await waitForQuestion(elsewhere)).id, 'reject');
    await waitForEnd(pool, elsewhere);
    expect(paid).toHaveLength(2);
  });
});

describe('a deadline', () => {
  const soon = { expires_in_seconds: 3600 };
  const start = async (question: object, name = 'ask_user', script = [ask, end]) => {
    const agent = await makeAgent(database.pool, { script, tools: [name] });
    await configure(agent, name, { question, ...(name === 'pay' && { approval: true }) });
    const id = await insertRun(database.pool, agent);
    await waitForQuestion(id);
    return id;
  };

  test('with a default returns the default to the model', async () => {
    const id = await start({ ...soon, default_answer: 'blue' });
    await expireDeadlines(id);
    expect(await waitForEnd(database.pool, id)).toMatchObject({ status: 'completed' });
    expect(await resultsOf(database.pool, id)).toEqual(['blue']);
  });

  test('of an approval rejects or approves according to its default', async () => {
    const rejected = await start({ ...soon, default_answer: 'reject' }, 'pay', [payment(), end]);
    await expireDeadlines(rejected);
    await waitForEnd(database.pool, rejected);
    expect(paid).toEqual([]);
    expect((await resultsOf(database.pool, rejected))[0]).toContain(
      'the approval of this call expired',
    );
    const approved = await start({ ...soon, default_answer: 'approve' }, 'pay', [payment(), end]);
    await expireDeadlines(approved);
    await waitForEnd(database.pool, approved);
    expect(paid).toEqual([{ cents: 7 }]);
  });

  test('without a default fails the run, which asks again when retried', async () => {
    const id = await start(soon);
    await expireDeadlines(id);
    expect(await waitForEnd(database.pool, id)).toMatchObject({
      status: 'failed',
      stop_reason: 'expired',
    });
    await database.pool.query('select howdah.retry_execution($1)', [id]);
    await answer((await waitForQuestion(id)).id, 'red');
    await eventually(
      database.pool,
      'it completes',
      `select from howdah.executions where id = $1 and status = 'completed'`,
      [id],
    );
    expect(await resultsOf(database.pool, id)).toEqual(['red']);
  });

  test('of a sub-agent fails only the sub-agent: its parent gets an error and continues', async () => {
    const { pool } = database;
    const child = await makeAgent(pool, { script: [ask, end], tools: ['ask_user'] });
    await configure(child, 'ask_user', { question: soon });
    const name = await toolOf(child);
    const script = [callTools({ name, arguments: { message: 'go' } }), end];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: [name] }));
    const question = await waitForQuestion(id);
    await expireDeadlines(id);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed' });
    expect((await resultsOf(pool, id))[0]).toContain(
      'no answer before the deadline: Which colour?',
    );
    expect(await executionOf(pool, question.execution_id)).toMatchObject({
      stop_reason: 'expired',
    });
  });

  test('that passes while the run is active ends it there', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [
        callTools({ name: 'ask_user', arguments: { question: 'Now?' } }, { name: 'slow' }),
        end,
      ],
      tools: ['ask_user', 'slow'],
    });
    await configure(agent, 'ask_user', { question: soon });
    const id = await insertRun(pool, agent);
    await questionsOf(id);
    await expireDeadlines(id);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'failed', stop_reason: 'expired' });
    await expect.poll(() => worker.inFlight).toBe(0);
  });
});
