import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  failed,
  finish,
  jobsOf,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  refusal,
} from '../support.ts';

type Fork = { seq?: number; input?: string; version?: number };

const PARTS = [{ type: 'image_url', image_url: { url: 'https://example.com/order.png' } }];

describe('fork_execution', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const make = (columns: Record<string, unknown> = {}) =>
    makeRun(db.pool, { agent_id: agent, ...columns });
  const fork = (id: string, { seq, input, version }: Fork = {}, client = db.pool) =>
    one(client, 'select * from howdah.fork_execution($1, $2, $3, $4)', [id, seq, input, version]);
  const done = async (columns: Record<string, unknown> = {}) => {
    const id = await make(columns);
    await finish(db.pool, worker, id);
    return id;
  };
  /** Returns a digest of all rows of a run. */
  const sumOf = (id: string) =>
    one(
      db.pool,
      `select md5(string_agg(t.row, '' order by t.row)) as sum from (
         select to_jsonb(e)::text from howdah.executions as e where e.id = $1
         union all select to_jsonb(s)::text from howdah.steps as s where s.execution_id = $1
         union all select to_jsonb(m)::text from howdah.messages as m where m.execution_id = $1
         union all select to_jsonb(q)::text from howdah.questions as q where q.execution_id = $1
       ) as t (row)`,
      [id],
    );
  const logOf = (id: string, upTo: number) =>
    all(
      db.pool,
      `select to_jsonb(s) - '{execution_id,tokens_in,tokens_out,cost}'::text[] as row
       from howdah.steps as s where s.execution_id = $1 and s.seq <= $2 order by s.seq`,
      [id, upTo],
    );
  const talkOf = (id: string, upTo: number) =>
    all(
      db.pool,
      `select to_jsonb(m) - '{execution_id,id,session_id,tokens_in,tokens_out,created_at}'::text[] as row
       from howdah.messages as m where m.execution_id = $1 and coalesce(m.step_seq, 0) <= $2
       order by m.seq`,
      [id, upTo],
    );
  const said = async (id: string) =>
    (
      await all(
        db.pool,
        'select role, content from howdah.messages where execution_id = $1 order by seq',
        [id],
      )
    ).map(({ role, content }) => `${role}: ${content}`);

  test('at seq 0 starts again with the input, data and parts of the original', async () => {
    const id = await done({
      input: 'Read it.',
      input_data: '{"order": 1}',
      input_parts: JSON.stringify(PARTS),
      metadata: '{"ticket": 1}',
    });
    const copy = await fork(id, { seq: 0 });
    expect(copy).toMatchObject({
      status: 'queued',
      input: 'Read it.',
      input_data: { order: 1 },
      metadata: { ticket: 1 },
      forked_from_execution_id: id,
      forked_from_seq: 0,
      step_count: 1,
      message_count: 0,
    });
    await claim(db.pool, worker, [copy.id]);
    const first = 'select content, parts from howdah.messages where execution_id = $1 and seq = 1';
    expect(await one(db.pool, first, [copy.id])).toEqual(await one(db.pool, first, [id]));
    expect((await one(db.pool, first, [copy.id])).parts).toEqual(PARTS);
  });

  test('at seq 0 with another input replaces the input', async () => {
    const copy = await fork(await done(), { seq: 0, input: 'Where is A-1002?' });
    await finish(db.pool, worker, copy.id);
    expect((await said(copy.id))[0]).toBe('user: Where is A-1002?');
  });

  test('at a later seq copies steps and messages, but no usage', async () => {
    const session_id = await makeSession(db.pool);
    const id = await done({ session_id, priority: 3 });
    const before = await sumOf(id);
    const copy = await fork(id, { seq: 1 });
    expect(await sumOf(id)).toEqual(before);
    expect(await logOf(copy.id, 1)).toEqual(await logOf(id, 1));
    expect(await talkOf(copy.id, 1)).toEqual(await talkOf(id, 1));
    expect(copy).toMatchObject({
      session_id: null,
      turn: null,
      idempotency_key: null,
      root_execution_id: copy.id,
      priority: 3,
      step_count: 2,
      message_count: 2,
      model_count: 0,
      tokens_in: '0',
      tokens_out: '0',
      cost: '0',
    });
    const spent = await one(
      db.pool,
      'select sum(tokens_in + tokens_out)::int as tokens, sum(cost)::int as cost from howdah.steps where execution_id = $1',
      [copy.id],
    );
    expect(spent).toEqual({ tokens: 0, cost: 0 });
    const step = await one(
      db.pool,
      'select kind, input from howdah.steps where execution_id = $1 and seq = 2',
      [copy.id],
    );
    expect(step).toMatchObject({ kind: 'fork', input: { execution_id: id, seq: 1, input: null } });
    expect(await jobsOf(db.pool, copy.id)).toHaveLength(1);
    const talk = await one(
      db.pool,
      'select count(*)::int as messages from howdah.messages where execution_id = $1 and session_id is not null',
      [copy.id],
    );
    expect(talk.messages).toBe(0);
  });

  test('at a later seq with an input adds it as the next user message', async () => {
    const copy = await fork(await done(), { input: 'And A-1002?' });
    await finish(db.pool, worker, copy.id);
    expect(await said(copy.id)).toEqual([
      'user: Where is A-1001?',
      'assistant: It is on its way.',
      'user: And A-1002?',
      'assistant: It is on its way.',
    ]);
  });

  test('of a run that never started uses its input as the first message', async () => {
    const id = await make({ input: 'First.' });
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await db.pool.query('select howdah.retry_execution($1)', [id]);
    const copy = await fork(id, { seq: 1, input: 'Second.' });
    await finish(db.pool, worker, copy.id);
    expect((await said(copy.id)).slice(0, 2)).toEqual(['user: First.', 'user: Second.']);
    const same = await fork(id, { seq: 1 });
    await finish(db.pool, worker, same.id);
    expect((await said(same.id))[0]).toBe('user: First.');
  });

  test('of a fork counts seq from the fork', async () => {
    const first = await fork(await done(), { seq: 1 });
    await finish(db.pool, worker, first.id);
    const second = await fork(first.id);
    expect(second).toMatchObject({ forked_from_execution_id: first.id, forked_from_seq: 4 });
    expect(await logOf(second.id, 4)).toEqual(await logOf(first.id, 4));
    await finish(db.pool, worker, second.id);
  });

  test('of a live run copies committed steps, and the run continues', async () => {
    const id = await make();
    await claim(db.pool, worker, [id]);
    await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [answer] }]);
    expect(await fork(id)).toMatchObject({ forked_from_seq: 1, step_count: 2 });
    const [result] = await commit(db.pool, worker, [{ id, fence: 1, after: 1, steps: [answer] }]);
    expect(result).toMatchObject({ outcome: 'committed' });
  });

  test('of a child creates a new root', async () => {
    const child = await make({ parent_execution_id: await make() });
    const copy = await fork(child);
    expect(copy).toMatchObject({
      parent_execution_id: null,
      root_execution_id: copy.id,
      depth: 0,
      ancestors: [],
    });
  });

  test('uses the version of the original, or the requested version', async () => {
    const edited = await makeAgent(db.pool, { instruction: 'One.' });
    const id = await done({ agent_id: edited });
    await db.pool.query(`update howdah.agents set instruction = 'Two.' where id = $1`, [edited]);
    const version = async (run: string) =>
      (
        await one(
          db.pool,
          'select v.version from howdah.executions as e join howdah.agent_versions as v on v.id = e.agent_version_id where e.id = $1',
          [run],
        )
      ).version;
    expect(await version((await fork(id)).id)).toBe(1);
    expect(await version((await fork(id, { version: 2 })).id)).toBe(2);
    const refused = await refusal(fork(id, { version: 3 }));
    expect(refused).toMatchObject({ code: 'HWNTF', fields: { field: 'version' } });
  });

  test('restores the initial limits of the original, without those a retry granted', async () => {
    const id = await make({ agent_id: await makeAgent(db.pool, { max_steps: 2, max_tokens: 15 }) });
    await finish(db.pool, worker, id, { ...failed, stop_reason: 'max_tokens' });
    await db.pool.query('select howdah.retry_execution($1)', [id]);
    expect(await fork(id)).toMatchObject({ max_steps: 2, max_tokens: '15', max_seconds: 600 });
    await finish(db.pool, worker, id);
  });

  test('rejects a seq that is not one of its steps', async () => {
    const id = await done();
    for (const seq of [-1, 3]) {
      const refused = await refusal(fork(id, { seq }));
      expect(refused).toMatchObject({ code: 'HWINV' });
      expect(refused.fields).toEqual({ field: 'seq', steps: 2 });
    }
  });

  test('rejects an input that is too long, as an insert does', async () => {
    const id = await done();
    const input = 'x'.repeat(1_048_577);
    expect(await refusal(fork(id, { seq: 0, input }))).toMatchObject({ code: 'HWINV' });
    expect(await refusal(fork(id, { seq: 1, input }))).toMatchObject({ code: 'HWINV' });
  });

  test('rejects a deleted agent, and a run of another tenant', async () => {
    const gone = await makeAgent(db.pool);
    const id = await done({ agent_id: gone });
    await db.pool.query('select howdah.delete_agent($1)', [gone]);
    expect(await refusal(fork(id))).toMatchObject({ code: 'HWCNF' });
    const tenant_id = await makeTenant(db.pool);
    const foreign = await make({ tenant_id, agent_id: await makeAgent(db.pool, { tenant_id }) });
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      const refused = refusal(client.query('select howdah.fork_execution($1)', [foreign]));
      expect(await refused).toMatchObject({ code: 'HWNTF' });
    });
  });

  test('rejects a compensating run', async () => {
    const { rows } = await db.pool.query(
      `insert into howdah.executions (agent_id, agent_version_id, compensates_execution_id, input)
       select e.agent_id, e.agent_version_id, e.id, 'Take it back.'
       from howdah.executions as e where e.id = $1 returning id`,
      [await done()],
    );
    const refused = await refusal(fork(rows[0].id));
    expect(refused).toMatchObject({ code: 'HWCNF' });
    expect(refused.hint).toContain('Fork execution ');
  });

  test('works for the application, which can read the fork', async () => {
    const id = await done();
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      const { rows } = await client.query('select * from howdah.fork_execution($1, 0)', [id]);
      expect(rows).toMatchObject([{ forked_from_execution_id: id, status: 'queued' }]);
    });
  });
});
