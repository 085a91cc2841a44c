import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, eventually, type TestDatabase } from '../../support/database.ts';
import {
  answer,
  claim,
  commit,
  completed,
  failed,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
} from '../support.ts';

/** Opens a session that receives notices during a call, like psql. */
async function openNoticeSession(url: string) {
  const client = await openSession(url);
  const notices: { message: string; hint: string | undefined }[] = [];
  client.on('notice', ({ message, hint }) => notices.push({ message: message ?? '', hint }));
  return { client, notices };
}

/** Returns the step of a worker's commit when a model asks a person. */
const questionStep = (id: string) => ({
  kind: 'question',
  name: 'ask_user',
  call_id: 'a',
  question: {
    id,
    kind: 'question',
    call_id: 'a',
    prompt: 'Which\ncolour?',
    options: ['red', 'blue'],
    tool_call: { id: 'a', name: 'ask_user', arguments: {} },
  },
});

describe('howdah.ask', () => {
  let db: TestDatabase;
  let worker: string;

  beforeAll(async () => {
    db = await createTestDatabase();
    await makeAgent(db.pool, { name: 'support' });
    worker = await makeWorker(db.pool);
  });
  afterAll(() => db?.drop());

  /** Waits for the run with this input, and completes it as a worker would. */
  const completeRunOf = async (input: string, to: Record<string, unknown>) => {
    const { id } = await eventually<{ id: string }>(
      db.pool,
      'the run is there',
      'select id from howdah.executions where input = $1',
      [input],
    );
    await finish(db.pool, worker, id, to);
    return id;
  };

  test('starts a run, waits for its end and returns the answer', async () => {
    const call = one(db.pool, `call howdah.ask('support', 'Where is A-1001?')`);
    await completeRunOf('Where is A-1001?', completed);
    expect(await call).toEqual({ answer: 'It is on its way.' });
  });

  test('accepts null for the answer, as psql users write it', async () => {
    const call = one(db.pool, `call howdah.ask('support', 'null?', null)`);
    await completeRunOf('null?', completed);
    expect(await call).toEqual({ answer: 'It is on its way.' });
  });

  test('reports why a run failed', async () => {
    const refused = refusal(db.pool.query(`call howdah.ask('support', 'will fail')`));
    const id = await completeRunOf('will fail', failed);
    expect(await refused).toMatchObject({
      code: 'HWCNF',
      message: 'the run ended as failed: the model server said no',
      detail: JSON.stringify({ execution_id: id }).replace(':', ': '),
    });
  });

  test('reports that a run was cancelled', async () => {
    const refused = refusal(db.pool.query(`call howdah.ask('support', 'never mind')`));
    const { id } = await eventually<{ id: string }>(
      db.pool,
      'the run is there',
      `select id from howdah.executions where input = 'never mind'`,
    );
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await refused).toMatchObject({
      code: 'HWCNF',
      message: 'the run ended as cancelled: cancelled',
    });
  });

  test('rejects an unknown agent without waiting', async () => {
    expect(await refusal(db.pool.query(`call howdah.ask('nobody', 'hi')`))).toMatchObject({
      code: 'HWNTF',
    });
  });

  test.each([
    ['a transaction block', 'begin', `call howdah.ask('support', 'inside')`],
    ['a query that begins one', 'select', `begin; call howdah.ask('support', 'inside')`],
    ['a query of several statements', 'select', `select 1; call howdah.ask('support', 'inside')`],
  ])('is rejected inside %s, where the run would be invisible', async (_, before, query) => {
    const client = await openSession(db.url);
    try {
      await client.query(before);
      await expect(client.query(query)).rejects.toMatchObject({
        code: '2D000',
        message: expect.stringMatching(/^howdah\.ask commits/),
        hint: expect.stringContaining('howdah explain 2D000'),
      });
    } finally {
      await client.end();
    }
    expect(
      (await db.pool.query(`select 1 from howdah.executions where input = 'inside'`)).rows,
    ).toEqual([]);
  });

  test('reports that a model fails, and when it is called again', async () => {
    const { client, notices } = await openNoticeSession(db.url);
    const call = one(client, `call howdah.ask('support', 'in an outage')`);
    const { id } = await eventually<{ id: string }>(
      db.pool,
      'the run is there',
      `select id from howdah.executions where input = 'in an outage'`,
    );
    const [run] = await claim(db.pool, worker, [id]);
    const error = { code: 'overloaded', message: 'busy', retryable: true };
    const steps = [{ kind: 'retry', name: 'm', input: { attempt: 1 }, error }];
    const parked = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
    await commit(db.pool, worker, [{ id, fence: run?.fence, after: 0, steps, to: parked }]);
    await expect.poll(() => notices.length, { timeout: 30_000 }).toBe(1);
    expect(notices[0]?.message).toMatch(
      /waits for the model m.*failed 1 time .*next attempt is at/,
    );
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await expect(call).rejects.toMatchObject({ code: 'HWCNF' });
    expect(notices).toHaveLength(1);
    await client.end();
  });

  test('warns of an answer that the token limit cut off', async () => {
    const { client, notices } = await openNoticeSession(db.url);
    const call = one(client, `call howdah.ask('support', 'a long story')`);
    await completeRunOf('a long story', { ...completed, finish_reason: 'length' });
    expect(await call).toEqual({ answer: 'It is on its way.' });
    expect(notices).toMatchObject([{ message: 'the token limit cut the answer off' }]);
    await client.end();
  });

  test('reports each question of the run once', async () => {
    const { client, notices } = await openNoticeSession(db.url);
    const call = one(client, `call howdah.ask('support', 'paint it')`);
    const { id } = await eventually<{ id: string }>(
      db.pool,
      'the run is there',
      `select id from howdah.executions where input = 'paint it'`,
    );
    const [run] = await claim(db.pool, worker, [id]);
    const { id: question } = await one(db.pool, 'select howdah.uuid_v7() as id');
    const steps = [questionStep(question)];
    const parked = { status: 'waiting', waiting_for: 'question' };
    await commit(db.pool, worker, [{ id, fence: run?.fence, after: 0, steps, to: parked }]);
    await expect.poll(() => notices, { timeout: 60_000 }).toHaveLength(1);
    expect(notices[0]?.message).toBe('waits for a person: Which colour? (red, blue)');
    expect(notices[0]?.hint).toContain(`howdah answer ${question} TEXT`);
    await db.pool.query(`select howdah.answer_question($1, 'red')`, [question]);
    await finish(db.pool, worker, id);
    expect(await call).toEqual({ answer: 'It is on its way.' });
    expect(notices).toHaveLength(1);
    await client.end();
  });

  test('warns once, then returns with a hint, while no worker takes the run', async () => {
    const tenant_id = await makeTenant(db.pool);
    await makeAgent(db.pool, { tenant_id, name: 'lonely' });
    const limits = { worker_warning_seconds: 0.1, worker_wait_seconds: 2 };
    for (const [key, value] of Object.entries(limits)) {
      await db.pool.query(
        'insert into howdah.settings (tenant_id, key, value) values ($1, $2, to_jsonb($3::numeric))',
        [tenant_id, key, value],
      );
    }
    await db.pool.query(`update howdah_private.workers set heartbeat_at = 'epoch'`);
    const { client, notices } = await openNoticeSession(db.url);
    await client.query(`select set_config('howdah.tenant_id', $1, false)`, [tenant_id]);
    await client.query('set role howdah_app');
    const refused = await refusal(client.query(`call howdah.ask('lonely', 'anybody?')`));
    const run = await one(
      db.pool,
      `select id, status from howdah.executions where input = 'anybody?'`,
    );
    expect(refused).toMatchObject({
      code: 'HWCNF',
      message: expect.stringMatching(/^no worker has taken the run for [2-9] seconds$/),
      hint: expect.stringContaining(
        `howdah worker. Then wait for the answer: call howdah.tail('${run.id}')`,
      ),
      fields: { execution_id: run.id },
    });
    expect(run.status).toBe('queued');
    expect(notices).toEqual([
      {
        message: 'no running worker can take this run; it stays queued',
        hint: 'Start one in another terminal: howdah worker',
      },
    ]);
    await client.end();
  });

  test('works with the rights of the application', async () => {
    const client = await openSession(db.url);
    await client.query('set role howdah_app');
    const call = one(client, `call howdah.ask('support', 'as the app')`);
    await completeRunOf('as the app', completed);
    expect(await call).toEqual({ answer: 'It is on its way.' });
    await client.end();
  });
});

describe('howdah.tail', () => {
  let db: TestDatabase;
  let worker: string;

  beforeAll(async () => {
    db = await createTestDatabase();
    worker = await makeWorker(db.pool);
  });
  afterAll(() => db?.drop());

  test.each(['howdah_app', 'howdah_analyst'])(
    'shows %s each step as it is committed, then the answer',
    async (role) => {
      const { client, notices } = await openNoticeSession(db.url);
      const id = await makeRun(db.pool);
      await client.query(`set role ${role}`);
      const tailed = one(client, 'call howdah.tail($1)', [id]);
      const [run] = await claim(db.pool, worker, [id]);
      const said = {
        ...answer,
        messages: [{ role: 'assistant', content: 'Let\u001b[31m me\nsee.' }],
      };
      await commit(db.pool, worker, [{ id, fence: run?.fence, after: 0, steps: [said] }]);
      await expect.poll(() => notices, { timeout: 60_000 }).toHaveLength(1);
      expect(notices[0]?.message).toMatch(
        /^ {2}1 {2}model default {2}[\d.]+ ms {2}Let \[31m me see\.$/,
      );
      const last = { kind: 'output', output: completed.output };
      await commit(db.pool, worker, [
        { id, fence: run?.fence, after: 1, steps: [last], to: completed },
      ]);
      expect(await tailed).toEqual({ answer: 'It is on its way.' });
      expect(notices.slice(1).map(({ message }) => message)).toEqual([
        expect.stringMatching(/^ {2}2 {2}output {2}[\d.]+ ms$/),
        'completed (final_answer)',
      ]);
      await client.end();
    },
  );

  test('reports why a failed run failed, and returns no answer', async () => {
    const { client, notices } = await openNoticeSession(db.url);
    const id = await makeRun(db.pool);
    await finish(db.pool, worker, id, failed);
    expect(await one(client, 'call howdah.tail($1, null)', [id])).toEqual({ answer: null });
    expect(notices.at(-1)?.message).toBe('failed (error): the model server said no');
    await client.end();
  });

  test('rejects a live run inside a transaction block, where new steps would be invisible', async () => {
    const client = await openSession(db.url);
    const id = await makeRun(db.pool);
    try {
      await client.query('set role howdah_analyst; begin');
      await expect(client.query('call howdah.tail($1)', [id])).rejects.toMatchObject({
        code: '2D000',
        message: expect.stringMatching(/^howdah\.tail commits/),
      });
    } finally {
      await client.end();
    }
  });

  test('rejects a run of another tenant as not found, like an unknown one', async () => {
    const tenant_id = await makeTenant(db.pool);
    const foreign = await makeRun(db.pool, {
      tenant_id,
      agent_id: await makeAgent(db.pool, { tenant_id }),
    });
    const unknown = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    const { client } = await openNoticeSession(db.url);
    await client.query('set role howdah_app');
    for (const id of [foreign, unknown]) {
      expect(await refusal(client.query('call howdah.tail($1)', [id]))).toMatchObject({
        code: 'HWNTF',
        fields: { execution_id: id },
      });
    }
    await client.end();
  });
});
