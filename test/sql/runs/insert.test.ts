import { beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, testDatabase } from '../../support/database.ts';
import {
  all,
  claim,
  copyIn,
  finish,
  jobsOf,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
  testClient,
} from '../support.ts';

describe('inserting executions', () => {
  const db = testDatabase();
  let agent: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool, { name: 'support', max_steps: 7, max_seconds: 30 });
  });

  const insert = (columns: string, values: string, parameters: unknown[] = []) =>
    db.pool.query(`insert into howdah.executions (${columns}) values (${values})`, parameters);

  test('needs only an agent and an input', async () => {
    const run = await one(
      db.pool,
      `insert into howdah.executions (agent_id, input)
       values (howdah.agent('support'), 'Where is my order?') returning *`,
    );
    const { current_version_id } = await one(
      db.pool,
      'select current_version_id from howdah.agents where id = $1',
      [agent],
    );
    expect(run).toMatchObject({
      agent_id: agent,
      agent_version_id: current_version_id,
      status: 'queued',
      max_steps: 7,
      max_seconds: 30,
      fence: 0,
      owner_worker: null,
      step_count: 0,
    });
    expect(run.created_by).toBe((await one(db.pool, 'select session_user::text as me')).me);
    expect(await jobsOf(db.pool, run.id)).toHaveLength(1);
  });

  test('wakes ten thousand runs with one statement and one notification', async () => {
    const listener = await openSession(db.url);
    const heard: string[] = [];
    listener.on('notification', (message) => heard.push(message.payload ?? ''));
    await listener.query('listen "jobs:insert"');
    await db.pool.query(
      `insert into howdah.executions (agent_id, input, metadata)
       select $1, 'ticket ' || n, '{"bulk": true}' from generate_series(1, 10000) as n`,
      [agent],
    );
    await listener.query('select 1'); // notifications arrive before the response
    const { runs, jobs } = await one(
      db.pool,
      `select count(e.id)::int as runs, count(j.id)::int as jobs
       from howdah.executions as e
       left join graphile_worker._private_jobs as j on j.key = e.id::text
       where e.metadata @> '{"bulk": true}'`,
    );
    await listener.end();
    expect({ runs, jobs }).toEqual({ runs: 10_000, jobs: 10_000 });
    expect(heard).toHaveLength(1);
    expect(JSON.parse(heard[0] ?? '')).toMatchObject({ count: 10_000 });
  });

  test('wakes more than ten thousand runs by one notification, and each of them once', async () => {
    const listener = await openSession(db.url);
    const counts: number[] = [];
    listener.on('notification', ({ payload }) => counts.push(JSON.parse(payload ?? '').count));
    await listener.query('listen "jobs:insert"');
    await db.pool.query(
      `insert into howdah.executions (agent_id, input, metadata)
       select $1, 'part ' || n, '{"parts": true}' from generate_series(1, 20001) as n`,
      [agent],
    );
    await listener.query('select 1');
    await listener.end();
    expect(counts).toEqual([20_001]);
    expect(
      await one(
        db.pool,
        `select count(*)::int as runs, count(distinct j.key)::int as jobs
         from howdah.executions as e
         left join graphile_worker._private_jobs as j on j.key = e.id::text
         where e.metadata @> '{"parts": true}'`,
      ),
    ).toEqual({ runs: 20_001, jobs: 20_001 });
  });

  test('does not wait for other inserts, even before the first worker has started', async () => {
    const fresh = await createTestDatabase();
    const [first, second] = [await openSession(fresh.url), await openSession(fresh.url)];
    const run = `insert into howdah.executions (agent_id, input) values (howdah.agent('development'), 'x')`;
    try {
      await first.query('begin');
      await first.query(run);
      await second.query(`set lock_timeout = '2s'`);
      expect((await second.query(run)).rowCount).toBe(1);
    } finally {
      await first.end();
      await second.end();
      await fresh.drop();
    }
  });

  test('caches lookups for its own statement only', async () => {
    const tenant = await makeTenant(db.pool);
    const client = await openSession(db.url);
    await client.query('begin');
    const insert = `insert into howdah.executions (agent_id, input)
      select howdah.agent(name), 'x' from unnest(array['kept', 'support', 'kept']) as name
      returning agent_id, tenant_id`;
    const first = await one(
      client,
      `insert into howdah.agents (name) values ('kept') returning id, tenant_id`,
    );
    const before = await all(client, insert);
    expect(before.map((row) => row.agent_id)).toEqual([first.id, agent, first.id]);
    await client.query('select howdah.delete_agent($1)', [first.id]);
    const second = await one(
      client,
      `insert into howdah.agents (name) values ('kept') returning id`,
    );
    expect((await all(client, insert)).map((row) => row.agent_id)).toEqual([
      second.id,
      agent,
      second.id,
    ]);
    await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant]);
    expect(
      await one(
        client,
        `insert into howdah.executions (agent_id, input) values (howdah.agent('development'), 'x')
         returning tenant_id`,
      ),
    ).toEqual({ tenant_id: tenant });
    expect(before.map((row) => row.tenant_id)).toEqual(Array(3).fill(first.tenant_id));
    await client.query('rollback');
    await client.end();
  });

  test('uses the settings of its own agent for each row', async () => {
    await makeAgent(db.pool, { name: 'thrifty', max_steps: 3, max_tokens: 100, max_cost: '0.5' });
    const rows = await all(
      db.pool,
      `insert into howdah.executions (agent_id, input, max_tokens)
       select howdah.agent(name), 'x', case when i = 4 then 5 end
       from unnest(array['thrifty', 'thrifty', 'support', 'thrifty']) with ordinality as u (name, i)
       returning max_steps, max_tokens, max_cost, max_seconds,
         (select a.name from howdah.agent_versions as v join howdah.agents as a on a.id = v.agent_id
          where v.id = agent_version_id)`,
    );
    const thrifty = { name: 'thrifty', max_steps: 3, max_cost: '0.5', max_seconds: 600 };
    expect(rows).toEqual([
      { ...thrifty, max_tokens: '100' },
      { ...thrifty, max_tokens: '100' },
      { name: 'support', max_steps: 7, max_tokens: null, max_cost: null, max_seconds: 30 },
      { ...thrifty, max_tokens: '5' },
    ]);
  });

  test('applies changes that its own functions make to an agent from the next row on', async () => {
    const client = await openSession(db.url);
    const changing = (edit: string) =>
      client.query(`
      create or replace function pg_temp.change(i int) returns text language plpgsql as $$ begin
        if i = 3 then ${edit}; end if;
        return 'x';
      end $$`);
    const insert = `insert into howdah.executions (agent_id, input)
      select howdah.agent('fickle'), pg_temp.change(i) from generate_series(1, 4) as i`;
    await makeAgent(db.pool, { name: 'fickle', max_steps: 1 });
    await changing(`update howdah.agents set max_steps = 2 where name = 'fickle'`);
    const runs = await all(client, `${insert} returning id`);
    expect(
      await all(
        client,
        `select e.max_steps, v.version from howdah.executions as e
         join howdah.agent_versions as v on v.id = e.agent_version_id where e.id = any ($1) order by e.id`,
        [runs.map(({ id }) => id)],
      ),
    ).toEqual([
      { max_steps: 1, version: 1 },
      { max_steps: 1, version: 1 },
      { max_steps: 2, version: 2 },
      { max_steps: 2, version: 2 },
    ]);
    await changing(`update howdah.agents set is_active = false where name = 'fickle'`);
    expect(await refusal(client.query(insert))).toMatchObject({
      code: 'HWCNF',
      message: `agent 'fickle' is not active`,
    });
    await client.end();
  });

  test('rejects a version of another agent, on insert and on update', async () => {
    const other = await makeAgent(db.pool);
    const { current_version_id: theirs } = await one(
      db.pool,
      'select current_version_id from howdah.agents where id = $1',
      [other],
    );
    const id = await makeRun(db.pool, { agent_id: agent });
    const named = `agent ${agent} has no version ${theirs}`;
    expect(
      await refusal(
        insert(
          'agent_id, input, agent_version_id, forked_from_execution_id, forked_from_seq',
          "$1, 'x', $2, $3, 0",
          [agent, theirs, id],
        ),
      ),
    ).toMatchObject({ code: '23503', message: named });
    expect(
      await refusal(
        db.pool.query('update howdah.executions set agent_version_id = $2 where id = $1', [
          id,
          theirs,
        ]),
      ),
    ).toMatchObject({ code: '23503', message: named });
  });

  test('wakes no run when it inserts no rows', async () => {
    const before = await one(db.pool, 'select count(*) from graphile_worker._private_jobs');
    await db.pool.query(
      `insert into howdah.executions (agent_id, input) select $1, 'x' from generate_series(1, 0)`,
      [agent],
    );
    expect(await one(db.pool, 'select count(*) from graphile_worker._private_jobs')).toEqual(
      before,
    );
  });

  test('on conflict do nothing wakes only new runs', async () => {
    const first = await makeRun(db.pool, { agent_id: agent });
    const { rows } = await db.pool.query(
      `insert into howdah.executions (id, agent_id, input)
       values ($1, $2, 'again'), (howdah.uuid_v7(), $2, 'new')
       on conflict (id) do nothing returning id, input`,
      [first, agent],
    );
    expect(rows.map((row) => row.input)).toEqual(['new']);
    expect(
      await one(db.pool, 'select input from howdah.executions where id = $1', [first]),
    ).toEqual({
      input: 'Where is A-1001?',
    });
    expect(await jobsOf(db.pool, first)).toHaveLength(1);
  });

  test('on conflict do nothing uses no turn of the session', async () => {
    const session = await makeSession(db.pool);
    const id = await makeRun(db.pool, { agent_id: agent, session_id: session });
    await finish(db.pool, await makeWorker(db.pool), id);
    await db.pool.query(
      `insert into howdah.executions (id, agent_id, session_id, input) values ($1, $2, $3, 'again')
       on conflict (id) do nothing`,
      [id, agent, session],
    );
    const row = 'select turns, live_execution_id from howdah.sessions where id = $1';
    expect(await one(db.pool, row, [session])).toEqual({ turns: 1, live_execution_id: null });
  });

  test('works with copy from a file', async () => {
    const client = await openSession(db.url);
    await copyIn(
      client,
      'copy howdah.executions (agent_id, input) from stdin',
      `${agent}\tcopied one\n${agent}\tcopied two\n`,
    );
    await client.end();
    const rows = await all(
      db.pool,
      `select e.status, e.max_steps, j.id is not null as has_job from howdah.executions as e
       left join graphile_worker._private_jobs as j on j.key = e.id::text
       where e.input like 'copied %'`,
    );
    expect(rows).toEqual([
      { status: 'queued', max_steps: 7, has_job: true },
      { status: 'queued', max_steps: 7, has_job: true },
    ]);
  });

  test('copy by a role under row-level security fails with the message of Postgres', async () => {
    const client = await openSession(db.url);
    await client.query('set role howdah_owner');
    const copy = copyIn(client, 'copy howdah.executions (agent_id, input) from stdin', '');
    expect(await refusal(copy)).toMatchObject({
      code: '0A000',
      hint: 'Use INSERT statements instead.',
    });
    await client.end();
  });

  test('rolls back as a whole with its transaction', async () => {
    const { id } = await one(db.pool, 'select howdah.uuid_v7() as id');
    const client = await testClient(db.pool);
    await client.query('begin');
    await client.query(
      `insert into howdah.executions (id, agent_id, input, idempotency_key) values ($1, $2, 'x', 'undone')`,
      [id, agent],
    );
    await client.query('rollback');
    expect(await jobsOf(db.pool, id)).toEqual([]);
    expect(
      await all(db.pool, `select 1 from howdah_private.idempotency_keys where key = 'undone'`),
    ).toEqual([]);
  });

  test('rejects an agent that is missing, unknown or of another tenant', async () => {
    const other = await makeTenant(db.pool);
    const foreign = await makeAgent(db.pool, { tenant_id: other });
    const missingId = '019a0000-0000-7000-8000-000000000001';
    for (const id of [missingId, foreign]) {
      const refused = await refusal(insert('agent_id, input', `$1, 'x'`, [id]));
      expect(refused).toMatchObject({ code: 'HWNTF', fields: { agent_id: id } });
      expect(refused.fields).toEqual({ agent_id: id });
      expect(refused.hint).toContain('howdah.agent(');
    }
    expect(await refusal(insert('input', `'x'`))).toMatchObject({
      code: 'HWINV',
      message: 'agent_id is missing',
    });
  });

  test('lets the owner write tenant_id for another tenant', async () => {
    const other = await makeTenant(db.pool);
    const foreign = await makeAgent(db.pool, { tenant_id: other });
    const run = await makeRun(db.pool, { tenant_id: other, agent_id: foreign });
    expect(
      await one(db.pool, 'select tenant_id from howdah.executions where id = $1', [run]),
    ).toEqual({ tenant_id: other });
  });

  test('rejects agents that are inactive or deleted', async () => {
    const inactive = await makeAgent(db.pool, { name: 'asleep', is_active: false });
    expect(await refusal(makeRun(db.pool, { agent_id: inactive }))).toMatchObject({
      code: 'HWCNF',
      message: "agent 'asleep' is not active",
    });
    const deleted = await makeAgent(db.pool, { name: 'gone' });
    await db.pool.query('select howdah.delete_agent($1)', [deleted]);
    expect(await refusal(makeRun(db.pool, { agent_id: deleted }))).toMatchObject({
      code: 'HWCNF',
      message: "agent 'gone' is deleted",
    });
  });

  test('rejects an id that is not a UUIDv7, naming the constraint', async () => {
    for (const id of [
      '00000000-0000-0000-0000-000000000000',
      '3b241101-e2bb-4255-8caf-4136c566a962',
    ]) {
      expect(
        await refusal(insert('id, agent_id, input', `$1, $2, 'x'`, [id, agent])),
      ).toMatchObject({
        code: '23514',
        constraint: 'must_be_uuid_v7',
      });
    }
  });

  test('rejects input that is missing or too large, naming the field', async () => {
    const missing = await refusal(insert('agent_id', '$1', [agent]));
    expect(missing).toMatchObject({ code: 'HWINV', message: 'input is missing' });
    expect(missing.fields).toEqual({ field: 'input' });
    const large = await refusal(insert('agent_id, input', '$1, $2', [agent, 'ä'.repeat(524_289)]));
    expect(large).toMatchObject({
      code: 'HWINV',
      message: 'input has 1048578 bytes, at most 1048576 are allowed',
    });
    expect(large.fields).toEqual({ field: 'input' });
    await insert('agent_id, input', '$1, $2', [agent, 'x'.repeat(1_048_576)]);
  });

  test('rejects metadata that is not an object', async () => {
    expect(
      await refusal(insert('agent_id, input, metadata', `$1, 'x', '[1]'`, [agent])),
    ).toMatchObject({ code: 'HWINV', constraint: 'metadata_is_an_object' });
  });

  test('rejects a known idempotency key and returns the id of the first run', async () => {
    const first = await makeRun(db.pool, { agent_id: agent, idempotency_key: 'twice' });
    const refused = await refusal(makeRun(db.pool, { agent_id: agent, idempotency_key: 'twice' }));
    expect(refused).toMatchObject({
      code: 'HWCNF',
      message: "the idempotency key 'twice' is already in use",
    });
    expect(refused.fields).toEqual({ execution_id: first });
    expect(refused.hint).toContain('howdah.run(');
  });

  test('cannot set a status', async () => {
    for (const status of ['running', 'completed', 'failed', 'cancelled', 'waiting', 'paused']) {
      const id = await makeRun(db.pool, { agent_id: agent, status });
      expect(
        await one(db.pool, 'select status from howdah.executions where id = $1', [id]),
      ).toEqual({
        status: 'queued',
      });
    }
    for (const [column, value, code] of [
      ['completed_at', new Date(), '23502'], // the row of an ended run must be complete
      ['stop_reason', 'final_answer', '23514'],
      ['error', { code: 'x' }, '23514'],
      ['owner_worker', '019a0000-0000-7000-8000-000000000001', '23514'],
      ['waiting_for', 'turn', '23514'],
    ] as const) {
      const run = makeRun(db.pool, { agent_id: agent, [column]: value });
      expect(await refusal(run)).toMatchObject({ code });
    }
  });

  test('rejects a root run whose root_execution_id is another run', async () => {
    const root = await makeRun(db.pool, { agent_id: agent });
    expect(
      await refusal(makeRun(db.pool, { agent_id: agent, root_execution_id: root })),
    ).toMatchObject({ code: '23514', constraint: 'a_root_is_its_own_root' });
  });

  test('prefers limits of the row to those of the agent', async () => {
    const id = await makeRun(db.pool, { agent_id: agent, max_steps: 3, max_cost: 0.5 });
    expect(
      await one(
        db.pool,
        'select max_steps, max_cost, max_seconds from howdah.executions where id = $1',
        [id],
      ),
    ).toEqual({ max_steps: 3, max_cost: '0.5', max_seconds: 30 });
  });

  describe('with a parent', () => {
    test('takes root and depth from the parent', async () => {
      const root = await makeRun(db.pool, { agent_id: agent });
      const child = await makeRun(db.pool, { agent_id: agent, parent_execution_id: root });
      const grandchild = await makeRun(db.pool, { agent_id: agent, parent_execution_id: child });
      const row = 'select root_execution_id, depth from howdah.executions where id = $1';
      expect(await one(db.pool, row, [child])).toEqual({ root_execution_id: root, depth: 1 });
      expect(await one(db.pool, row, [grandchild])).toEqual({ root_execution_id: root, depth: 2 });
    });

    test('allows a depth of eight and rejects deeper runs', async () => {
      let parent = await makeRun(db.pool, { agent_id: agent });
      for (let depth = 1; depth <= 8; depth++) {
        parent = await makeRun(db.pool, { agent_id: agent, parent_execution_id: parent });
      }
      expect(
        await refusal(makeRun(db.pool, { agent_id: agent, parent_execution_id: parent })),
      ).toMatchObject({ code: 'HWCNF', message: 'maximum depth of child runs (8) reached' });
    });

    test('rejects a parent that is missing, of another tenant, or has ended', async () => {
      const missingId = '019a0000-0000-7000-8000-000000000001';
      expect(
        await refusal(makeRun(db.pool, { agent_id: agent, parent_execution_id: missingId })),
      ).toMatchObject({ code: 'HWNTF' });
      const other = await makeTenant(db.pool);
      const foreign = await makeRun(db.pool, {
        tenant_id: other,
        agent_id: await makeAgent(db.pool, { tenant_id: other }),
      });
      expect(
        await refusal(makeRun(db.pool, { agent_id: agent, parent_execution_id: foreign })),
      ).toMatchObject({ code: 'HWNTF' });
      const ended = await makeRun(db.pool, { agent_id: agent });
      await db.pool.query('select howdah.cancel_execution($1)', [ended]);
      expect(
        await refusal(makeRun(db.pool, { agent_id: agent, parent_execution_id: ended })),
      ).toMatchObject({ code: 'HWCNF', message: `parent execution ${ended} has already ended` });
    });

    test('uses no turn of a session', async () => {
      const session = await makeSession(db.pool);
      const root = await makeRun(db.pool, { agent_id: agent, session_id: session });
      const child = await makeRun(db.pool, {
        agent_id: agent,
        session_id: session,
        parent_execution_id: root,
      });
      expect(await claim(db.pool, await makeWorker(db.pool), [child])).toHaveLength(1);
    });
  });
});
