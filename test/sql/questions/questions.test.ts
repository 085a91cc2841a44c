import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { advanceHead } from '../../support/database/run-heads.ts';
import { testDatabase } from '../../support/database.ts';
import { actAs, answerQuestion, inboxOf, makeQuestion, questionRow } from '../open-questions.ts';
import {
  all,
  claim,
  commit,
  isBlocked,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  refusedInside,
  rolledBack,
  type User,
} from '../support.ts';

const db = testDatabase();
const users: Record<string, User> = {};

beforeAll(async () => {
  for (const role of ['owner', 'admin', 'member', 'viewer']) {
    users[role] = await makeUser(db.pool, { role });
  }
  users.own = await makeUser(db.pool, { role: 'member' });
});

const statusOf = async (id: string) =>
  (await one(db.pool, 'select status from howdah.executions where id = $1', [id])).status;

describe('an answer', () => {
  test('closes the question, records the user, and wakes the run', async () => {
    const { id, execution } = await makeQuestion(db.pool);
    expect(await answerQuestion(db.pool, id, 'the red one')).toMatchObject({
      status: 'answered',
      answer: 'the red one',
      answer_data: null,
      answered_by: expect.any(String),
      answered_at: expect.any(Date),
    });
    expect(await statusOf(execution)).toBe('queued');
    expect(await inboxOf(db.pool, execution)).toMatchObject([
      { kind: 'answer', name: 'question', call_id: 'call_1', output: { answer: 'the red one' } },
    ]);
  });

  test('is rejected when missing or empty', async () => {
    const { id } = await makeQuestion(db.pool);
    for (const empty of [null, '', '  \n']) {
      expect(await refusal(answerQuestion(db.pool, id, empty))).toMatchObject({
        code: 'HWINV',
        message: 'the answer was not accepted: the answer is missing',
        hint: 'Any non-empty text is valid.',
      });
    }
  });

  test('has a maximum of 1 MB', async () => {
    const { id } = await makeQuestion(db.pool);
    const large = 'x'.repeat(1_048_577);
    for (const [text, data] of [
      [large, undefined],
      ['x', large],
    ] as const) {
      expect(await refusal(answerQuestion(db.pool, id, text, data))).toMatchObject({
        code: 'HWINV',
        message: expect.stringContaining('larger than 1 MB'),
      });
    }
  });

  test('must be one of the options, if there are any', async () => {
    const { id } = await makeQuestion(db.pool, { columns: { options: ['red', 'blue'] } });
    expect(await refusal(answerQuestion(db.pool, id, 'green'))).toMatchObject({
      code: 'HWINV',
      message: "the answer was not accepted: 'green' is not one of the options",
      hint: 'The options: ["red", "blue"]',
    });
    expect(await answerQuestion(db.pool, id, null, 'blue')).toMatchObject({ answer: 'blue' });
  });

  test('to an unknown question is not found', async () => {
    const unknown = '01980000-0000-7000-8000-000000000000';
    expect(await refusal(answerQuestion(db.pool, unknown, 'x'))).toMatchObject({ code: 'HWNTF' });
  });
});

describe('the schema of an answer', () => {
  const address = {
    type: 'object',
    required: ['street'],
    properties: { street: { type: 'string' }, floor: { type: 'integer', minimum: 0 } },
  };

  test.each([
    ['data', null, { street: 'Main', floor: -1 }, /floor .*0/],
    ['text', '{"street": "Main", "floor": -1}', undefined, /floor .*0/],
    ['a missing field', '{}', undefined, /street/],
    ['text that is not JSON', 'Main street', undefined, /object/],
    ['JSON that Postgres cannot store', '{"street": "\\u0000"}', undefined, /object/],
    ['JSON nested too deep', '['.repeat(60_000), undefined, /object/],
  ])('reports the invalid path in %s', async (_what, text, data, message) => {
    const { id } = await makeQuestion(db.pool, { columns: { schema: address } });
    const refused = await refusal(answerQuestion(db.pool, id, text, data));
    expect(refused).toMatchObject({
      code: 'HWINV',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('The answer must satisfy: '),
    });
    expect(refused.fields).toMatchObject({ field: 'answer', question_id: id });
    expect((await questionRow(db.pool, id)).status).toBe('open');
  });

  test.each([
    ['an object', address, '{"street": "Main"}', { street: 'Main' }],
    ['a number', { type: 'number' }, '42', 42],
    ['a string', { type: 'string' }, '42', null],
    ['a number or a string', { type: ['number', 'string'] }, '42', 42],
    ['a string or null', { type: ['string', 'null'] }, '42', null],
    ['an enum', { enum: ['yes', 'no'] }, 'yes', null],
  ])('for %s converts text to data', async (_what, schema, text, data) => {
    const { id } = await makeQuestion(db.pool, { columns: { schema } });
    expect(await answerQuestion(db.pool, id, text)).toMatchObject({
      answer: text,
      answer_data: data,
    });
  });

  test('applies to data without text', async () => {
    const { id } = await makeQuestion(db.pool, { columns: { schema: address } });
    const data = { street: 'Main', floor: 2 };
    const { answer: text, answer_data } = await answerQuestion(db.pool, id, null, data);
    expect([JSON.parse(text), answer_data]).toEqual([data, data]);
  });
});

describe('approve and reject', () => {
  const schema = {
    type: 'object',
    required: ['order'],
    properties: { order: { type: 'string' }, cents: { type: 'integer', maximum: 100 } },
  };
  const approval = {
    kind: 'approval',
    columns: { schema, options: ['approve', 'reject'] },
  } as const;

  test('accept only the approval words as answers', async () => {
    const { id } = await makeQuestion(db.pool, approval);
    for (const word of ['yes', '', null]) {
      expect(await refusal(answerQuestion(db.pool, id, word))).toMatchObject({
        code: 'HWINV',
        hint: 'Valid answers: approve (data: edited arguments), reject (data: the reason).',
      });
    }
    expect(await answerQuestion(db.pool, id, ' Approve ')).toMatchObject({ answer: 'approve' });
  });

  test('store the reason and the edited arguments', async () => {
    const rejected = await makeQuestion(db.pool, approval);
    const row = await one(db.pool, `select * from howdah.reject($1, 'too dear')`, [rejected.id]);
    expect(row).toMatchObject({ answer: 'reject', answer_data: 'too dear' });
    const approved = await makeQuestion(db.pool, approval);
    const edited = { order: 'A-1', cents: 50 };
    expect(
      await one(db.pool, 'select * from howdah.approve($1, arguments => $2)', [
        approved.id,
        edited,
      ]),
    ).toMatchObject({ answer: 'approve', answer_data: edited });
  });

  test.each([
    [{ order: 'A-1', cents: 101 }, /cents .*100/],
    [{ cents: 1 }, /order/],
    [['A-1'], /the edited arguments are not a JSON object/],
    ['A-1', /the edited arguments are not a JSON object/],
  ])('reject the arguments %j', async (edited, message) => {
    const { id } = await makeQuestion(db.pool, approval);
    expect(await refusal(answerQuestion(db.pool, id, 'approve', edited))).toMatchObject({
      code: 'HWINV',
      message: expect.stringMatching(message),
    });
  });

  test('work only on approvals', async () => {
    const { id } = await makeQuestion(db.pool);
    for (const name of ['approve', 'reject']) {
      expect(await refusal(db.pool.query(`select howdah.${name}($1)`, [id]))).toMatchObject({
        code: 'HWINV',
        message: `question ${id} is of kind question, not approval`,
      });
    }
  });

  test('apply to the requested scope', async () => {
    const session = await one(
      db.pool,
      `insert into howdah.sessions (title) values ('s') returning id`,
    );
    const remember = async (scope: string, run: Record<string, unknown>) => {
      const { id, execution } = await makeQuestion(db.pool, { ...approval, run });
      await one(db.pool, 'select howdah.approve($1, $2)', [id, scope]);
      return { execution, rows: await all(db.pool, 'delete from howdah.approvals returning *') };
    };
    const run = await remember('run', {});
    expect(run.rows).toMatchObject([
      {
        scope: 'run',
        tool: 'refund',
        execution_id: run.execution,
        session_id: null,
        agent_id: null,
      },
    ]);
    const inSession = await remember('session', { session_id: session.id });
    expect(inSession.rows).toMatchObject([{ scope: 'session', session_id: session.id }]);
    const alone = await makeQuestion(db.pool, { ...approval, run: {} });
    expect(
      await refusal(db.pool.query(`select howdah.approve($1, 'session')`, [alone.id])),
    ).toMatchObject({
      code: 'HWINV',
      fields: { field: 'remember', execution_id: alone.execution },
    });
    expect(
      await one(db.pool, 'select status from howdah.questions where id = $1', [alone.id]),
    ).toEqual({ status: 'open' });
    await db.pool.query(`select howdah.approve($1, 'run')`, [alone.id]);
    await db.pool.query('delete from howdah.approvals');
    const agent_id = await makeAgent(db.pool);
    const ofAgent = await remember('agent', { agent_id });
    expect(ofAgent.rows).toMatchObject([{ scope: 'agent', agent_id }]);
    await db.pool.query(`select howdah.cancel_execution($1)`, [inSession.execution]);
  });

  test('apply to child runs too, from a parent run and the session of the root', async () => {
    const session_id = await makeSession(db.pool);
    const { execution } = await makeQuestion(db.pool, { run: { session_id } });
    const child = await one(
      db.pool,
      `insert into howdah.executions (agent_id, input, parent_execution_id) values ($1, 'x', $2) returning id`,
      [await makeAgent(db.pool), execution],
    );
    const approved = async (id: string) =>
      (await one(db.pool, 'select howdah_private.approved_tools($1) as tools', [id])).tools;
    for (const [scope, column, id] of [
      ['run', 'execution_id', execution],
      ['session', 'session_id', session_id],
    ]) {
      await db.pool.query(
        `insert into howdah.approvals (scope, tool, ${column}, created_by) values ($1, 'refund', $2, 'me')`,
        [scope, id],
      );
      expect([await approved(child.id), await approved(execution)]).toEqual([
        ['refund'],
        ['refund'],
      ]);
      await db.pool.query('delete from howdah.approvals');
      expect(await approved(child.id)).toEqual([]);
    }
    await db.pool.query(
      `insert into howdah.approvals (scope, tool, execution_id, created_by) values ('run', 'refund', $1, 'me')`,
      [child.id],
    );
    expect([await approved(child.id), await approved(execution)]).toEqual([['refund'], []]);
    await db.pool.query('select howdah.cancel_execution($1)', [execution]);
  });
});

describe('permission to answer', () => {
  /** Answers in a transaction that is rolled back, so that the question stays open. */
  const tryAs = (who: string, id: string, text: string) =>
    rolledBack(db.pool, async (client) => {
      await actAs(client, users[who] as never);
      try {
        return (await answerQuestion(client, id, text)).answered_by === users[who]?.username;
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
  const everybody = ['owner', 'admin', 'own', 'member', 'viewer'];
  const allowed = async (id: string, text: string) => {
    const names: string[] = [];
    for (const who of everybody) {
      const outcome = await tryAs(who, id, text);
      expect([true, 'HWDEN']).toContain(outcome);
      if (outcome === true) names.push(who);
    }
    return names.join(' ');
  };
  const ofUser = () => ({ user_id: users.own?.id });

  test.each([
    ['a question', 'question', 'x', {}, 'owner admin own'],
    [
      'a question that requires members',
      'question',
      'x',
      { required_role: 'member' },
      'owner admin own member',
    ],
    [
      'a question that requires an admin',
      'question',
      'x',
      { required_role: 'admin' },
      'owner admin',
    ],
    ['an approval', 'approval', 'approve', {}, 'owner admin'],
    [
      'an approval that requires members',
      'approval',
      'reject',
      { required_role: 'member' },
      'owner admin own member',
    ],
    [
      'an approval that requires viewers',
      'approval',
      'reject',
      { required_role: 'viewer' },
      'owner admin',
    ],
    ['an effect', 'effect', 'give_up', {}, 'owner admin'],
  ] as const)('%s', async (_what, kind, text, columns, expected) => {
    const { id } = await makeQuestion(db.pool, { kind, columns, run: ofUser() });
    expect(await allowed(id, text)).toBe(expected);
  });

  test.each([
    ['a role', 'member', 'owner admin own member'],
    ['a user name', () => users.member?.username, 'owner admin member'],
    ['viewers, who are never allowed', 'viewer', 'owner admin'],
  ])('after escalation to %s', async (_what, heir, expected) => {
    const escalate_to = typeof heir === 'string' ? heir : heir();
    const { id } = await makeQuestion(db.pool, { kind: 'approval', columns: { escalate_to } });
    expect(await allowed(id, 'approve')).toBe('owner admin');
    await db.pool.query('update howdah.questions set escalated_at = now() where id = $1', [id]);
    expect(await allowed(id, 'approve')).toBe(expected);
  });

  test('the refusal names the user, its role and the required role', async () => {
    const { id } = await makeQuestion(db.pool, {
      kind: 'approval',
      columns: { required_role: 'admin' },
    });
    await rolledBack(db.pool, async (client) => {
      await actAs(client, users.member as never);
      const refused = await refusedInside(client, 'select howdah.approve($1)', [id]);
      expect(refused).toMatchObject({
        code: 'HWDEN',
        message: `${users.member?.username}, as member, may not answer question ${id}`,
        hint: 'The roles that may answer it: owner, admin.',
      });
    });
  });

  test('an unknown user is rejected, and a login without a user answers for its tenant', async () => {
    const { id } = await makeQuestion(db.pool);
    const tenant_id = users.own?.tenant_id as string;
    await rolledBack(db.pool, async (client) => {
      await actAs(client, { id: '01980000-0000-7000-8000-000000000000', tenant_id });
      const refused = await refusedInside(client, `select howdah.answer_question($1, 'x')`, [id]);
      expect(refused.code).toBe('HWDEN');
      await client.query(`select set_config('howdah.user_id', '', true)`);
      expect(await answerQuestion(client, id, 'x')).toMatchObject({ status: 'answered' });
    });
  });

  test('another tenant gets not found', async () => {
    const { id } = await makeQuestion(db.pool, { kind: 'approval' });
    const tenant_id = await makeTenant(db.pool);
    await rolledBack(db.pool, async (client) => {
      await actAs(client, { id: users.owner?.id as string, tenant_id });
      for (const text of [
        `howdah.answer_question($1, 'approve')`,
        'howdah.approve($1)',
        'howdah.reject($1)',
      ]) {
        expect(await refusedInside(client, `select ${text}`, [id])).toMatchObject({
          code: 'HWNTF',
          fields: { question_id: id },
        });
      }
    });
  });
});

/**
 * Runs `second` while the transaction of `first` is open. `second` waits until that transaction
 * ends.
 */
async function race<T>(
  first: (client: pg.PoolClient) => Promise<unknown>,
  second: (client: pg.PoolClient) => Promise<T>,
  end: 'commit' | 'rollback' = 'commit',
): Promise<T> {
  const [one, other] = [await db.pool.connect(), await db.pool.connect()];
  try {
    await one.query('begin');
    await first(one);
    const late = second(other);
    await isBlocked(db.pool, other);
    await one.query(end);
    return await late;
  } finally {
    await one.query('rollback');
    one.release();
    other.release();
  }
}

describe('concurrent answers', () => {
  test('the first answer wins; the second is rejected with the first user and answer', async () => {
    const { id, execution } = await makeQuestion(db.pool);
    const refused = await race(
      (client) => answerQuestion(client, id, 'one'),
      (client) => refusal(answerQuestion(client, id, 'two')),
    );
    expect(refused).toMatchObject({ code: 'HWCNF', hint: 'The first answer counts.' });
    const { answered_by } = await questionRow(db.pool, id);
    expect(refused.message).toContain(`answered by ${answered_by}`);
    expect(refused.fields).toMatchObject({
      status: 'answered',
      answer: 'one',
      answered_by,
    });
    expect(await inboxOf(db.pool, execution)).toHaveLength(1);
  });

  test('an answer that is rolled back does not count', async () => {
    const { id } = await makeQuestion(db.pool);
    const row = await race(
      (client) => answerQuestion(client, id, 'one'),
      (client) => answerQuestion(client, id, 'two'),
      'rollback',
    );
    expect(row).toMatchObject({ answer: 'two' });
  });

  test('an answer after a cancel is rejected; a cancel after an answer leaves it unchanged', async () => {
    const before = await makeQuestion(db.pool);
    const cancel = 'select howdah.cancel_execution($1)';
    const refused = await race(
      (client) => client.query(cancel, [before.execution]),
      (client) => refusal(answerQuestion(client, before.id, 'x')),
    );
    expect(refused).toMatchObject({ code: 'HWCNF', fields: { status: 'cancelled' } });
    const after = await makeQuestion(db.pool);
    await race(
      (client) => answerQuestion(client, after.id, 'x'),
      (client) => client.query(cancel, [after.execution]),
    );
    expect(await questionRow(db.pool, after.id)).toMatchObject({ status: 'answered', answer: 'x' });
    expect(await statusOf(after.execution)).toBe('cancelled');
  });

  test('a paused run stores the answer, and continues with it when resumed', async () => {
    const { id, execution } = await makeQuestion(db.pool);
    await db.pool.query('select howdah.pause_execution($1)', [execution]);
    await answerQuestion(db.pool, id, 'x');
    expect(await statusOf(execution)).toBe('paused');
    await db.pool.query('select howdah.resume_execution($1)', [execution]);
    expect(await statusOf(execution)).toBe('queued');
  });

  test('a run resumed without an answer waits again', async () => {
    const { execution } = await makeQuestion(db.pool);
    await db.pool.query('select howdah.pause_execution($1)', [execution]);
    await db.pool.query('select howdah.resume_execution($1)', [execution]);
    expect(
      await one(db.pool, 'select status, waiting_for from howdah.executions where id = $1', [
        execution,
      ]),
    ).toEqual({ status: 'waiting', waiting_for: 'question' });
  });
});

describe('a deadline', () => {
  /** Moves the deadline of an open question into the past, and runs the timers of workers. */
  const pass = async (id: string) => {
    await db.pool.query(
      `update howdah.questions set created_at = created_at - interval '24 hours',
         expires_at = expires_at - interval '24 hours' where id = $1`,
      [id],
    );
    await db.pool.query('select howdah_private.run_timers()');
    return questionRow(db.pool, id);
  };
  const soon = { expires_in_ms: 3_600_000 };

  test('does nothing before it passes', async () => {
    const { id } = await makeQuestion(db.pool, { columns: { ...soon, default_answer: 'red' } });
    await db.pool.query('select howdah_private.run_timers()');
    expect(await questionRow(db.pool, id)).toMatchObject({ status: 'open', answer: null });
  });

  test('answers with the default', async () => {
    const schema = { type: 'object' };
    const { id, execution } = await makeQuestion(db.pool, {
      columns: { ...soon, schema, default_answer: '{"red": true}' },
    });
    expect(await pass(id)).toMatchObject({
      status: 'expired',
      answer_data: { red: true },
      answered_by: 'default',
    });
    expect(await statusOf(execution)).toBe('queued');
    const output = { data: { red: true }, by: 'default', status: 'expired' };
    expect(await inboxOf(db.pool, execution)).toMatchObject([{ output }]);
    expect(await refusal(answerQuestion(db.pool, id, '{}'))).toMatchObject({ code: 'HWCNF' });
  });

  test('ends a run without a default answer', async () => {
    const { id, execution } = await makeQuestion(db.pool, { columns: soon });
    expect(await pass(id)).toMatchObject({ status: 'expired', answer: null, answered_by: null });
    expect(
      await one(db.pool, 'select status, stop_reason, error from howdah.executions where id = $1', [
        execution,
      ]),
    ).toMatchObject({
      status: 'failed',
      stop_reason: 'expired',
      error: { message: 'no answer before the deadline: Which one?', retryable: false },
    });
  });

  test('escalates first, and extends the deadline by the same time', async () => {
    const { id, execution } = await makeQuestion(db.pool, {
      columns: { ...soon, escalate_to: 'member' },
    });
    const escalated = await pass(id);
    expect(escalated).toMatchObject({ status: 'open', escalated_at: expect.any(Date) });
    const seconds = (escalated.expires_at - escalated.escalated_at) / 1000;
    expect(Math.round(seconds)).toBe(3600);
    expect(await pass(id)).toMatchObject({ status: 'expired' });
    expect(await statusOf(execution)).toBe('failed');
  });

  test('applies to paused runs: with a default they continue on resume, without one they fail', async () => {
    const defaulted = await makeQuestion(db.pool, { columns: { ...soon, default_answer: 'red' } });
    const lost = await makeQuestion(db.pool, { columns: soon });
    for (const { id, execution } of [defaulted, lost]) {
      await db.pool.query('select howdah.pause_execution($1)', [execution]);
      expect(await pass(id)).toMatchObject({ status: 'expired' });
    }
    expect(await statusOf(lost.execution)).toBe('failed');
    expect(await statusOf(defaulted.execution)).toBe('paused');
    await db.pool.query('select howdah.resume_execution($1)', [defaulted.execution]);
    expect(await statusOf(defaulted.execution)).toBe('queued');
  });

  test('cancels the other open question of the run when it passes', async () => {
    const { id, execution } = await makeQuestion(db.pool, { columns: soon });
    const other = await one(
      db.pool,
      `insert into howdah.questions (execution_id, root_execution_id, kind, prompt)
       values ($1, $1, 'question', 'And?') returning id`,
      [execution],
    );
    await pass(id);
    expect(await questionRow(db.pool, other.id)).toMatchObject({ status: 'cancelled' });
  });

  test('waits for a concurrent answer, without delaying other questions', async () => {
    const busy = await makeQuestion(db.pool, { columns: { ...soon, default_answer: 'red' } });
    const due = await makeQuestion(db.pool, { columns: { ...soon, default_answer: 'red' } });
    const client = await db.pool.connect();
    try {
      await client.query('begin');
      await answerQuestion(client, busy.id, 'blue');
      await db.pool.query('update howdah.questions set expires_at = now() where id = $1', [due.id]);
      await pass(due.id);
      expect(await questionRow(db.pool, due.id)).toMatchObject({ status: 'expired' });
      await client.query('commit');
    } finally {
      client.release();
    }
    expect(await pass(busy.id)).toMatchObject({ status: 'answered', answer: 'blue' });
  });

  test('does not wait for a lock on the run', async () => {
    const { id, execution } = await makeQuestion(db.pool, {
      columns: { ...soon, default_answer: 'red' },
    });
    await rolledBack(db.pool, async (client) => {
      await client.query('select from howdah.executions where id = $1 for no key update', [
        execution,
      ]);
      expect(await pass(id)).toMatchObject({ status: 'open' });
    });
    expect(await pass(id)).toMatchObject({ status: 'expired' });
  });

  test('does not wait for a commit of a run that continues after asking', async () => {
    const worker = await makeWorker(db.pool);
    const execution = await makeRun(db.pool);
    await claim(db.pool, worker, [execution]);
    const { id } = await one(db.pool, 'select howdah.uuid_v7() as id');
    const columns = { ...soon, default_answer: 'red' };
    const question = { id, kind: 'question', call_id: 'a', prompt: 'Which?', ...columns };
    const steps = [{ kind: 'question', name: 'question', call_id: 'a', question }];
    await commit(db.pool, worker, [{ id: execution, fence: 1, after: 0, steps }]);
    await rolledBack(db.pool, async (client) => {
      await advanceHead(client, execution);
      expect(await pass(id)).toMatchObject({ status: 'open' });
    });
    expect(await pass(id)).toMatchObject({ status: 'expired' });
  });
});
