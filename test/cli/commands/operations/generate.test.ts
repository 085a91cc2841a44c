import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { all, asRole, one, refusal } from '../../../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

const UNTIL = '2026-03-03T12:00:00.000Z';
const SIZE = ['--executions', '700', '--days', '70', '--tenants', '2', '--agents', '3'];

describe('howdah generate', () => {
  let db: TestDatabase;
  let other: TestDatabase;

  beforeAll(async () => {
    db = await createTestDatabase();
    other = await createTestDatabase();
    await runCli(db.url, 'generate', ...SIZE, '--until', UNTIL, '--seed', '7');
  });
  afterAll(async () => {
    await db?.drop();
    await other?.drop();
  });

  /** Returns the rows without generated ids of tenants, agents and users. */
  const digest = (database: TestDatabase) =>
    one(
      database.pool,
      `select count(*)::int as runs,
         md5(string_agg(concat_ws('|', e.id, e.status, e.stop_reason, e.cost, e.output, e.completed_at, e.turn), ',' order by e.id)) as executions,
         (select md5(string_agg(concat_ws('|', s.execution_id, s.seq, s.kind, s.name, s.output, s.cost, s.finished_at), ',' order by s.execution_id, s.seq)) from howdah.steps as s) as steps,
         (select md5(string_agg(concat_ws('|', m.id, m.seq, m.role, m.content, m.tool_calls), ',' order by m.execution_id, m.seq)) from howdah.messages as m) as messages
       from howdah.executions as e`,
    );

  test('violates no invariant', async () => {
    expect(await all(db.pool, 'select * from howdah.check_all()')).toEqual([]);
    expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
  });

  test('leaves no job, no live run and no session with an active turn', async () => {
    expect(
      await one(
        db.pool,
        `select (select count(*)::int from graphile_worker._private_jobs) as jobs,
           (select count(*)::int from howdah.executions where completed_at is null) as live,
           (select count(*)::int from howdah.sessions where live_execution_id is not null) as turns`,
      ),
    ).toEqual({ jobs: 0, live: 0, turns: 0 });
  });

  test('generates realistic history: all outcomes, children, retries, ordered turns and several months', async () => {
    const shape = await one(
      db.pool,
      `select count(*)::int as runs, count(distinct e.status)::int as statuses, count(distinct e.stop_reason) > 3 as has_reasons,
         count(*) filter (where e.parent_execution_id is not null)::int as children, count(distinct e.tenant_id)::int as tenants,
         count(distinct e.agent_id)::int as agents, count(distinct e.tableoid)::int as months,
         avg(e.step_count) between 8 and 12 as is_about_ten_steps, sum(e.cost) > 0 as costs,
         max(e.completed_at) < $1 and min(e.created_at) >= $1::timestamptz - interval '70 days' as is_in_time,
         count(*) filter (where e.turn > 1) > 0 as has_turns,
         (select count(*) > 0 from howdah.steps where kind = 'retry') as has_retries
       from howdah.executions as e`,
      [UNTIL],
    );
    expect(shape).toEqual({
      ...{
        runs: 700,
        statuses: 3,
        has_reasons: true,
        children: 35,
        tenants: 2,
        agents: 6,
        months: 4,
      },
      ...{
        is_about_ten_steps: true,
        costs: true,
        is_in_time: true,
        has_turns: true,
        has_retries: true,
      },
    });
    expect(
      await all(
        db.pool,
        `select s.id from howdah.sessions as s join howdah.executions as e on e.session_id = s.id
         group by s.id, s.turns
         having array_agg(e.turn order by e.created_at) <> array(select generate_series(1, s.turns))`,
      ),
    ).toEqual([]);
  });

  test('the same seed and end time generate the same history, another seed a different one', async () => {
    await runCli(other.url, 'generate', ...SIZE, '--until', UNTIL, '--seed', '7');
    expect(await digest(other)).toEqual(await digest(db));
    await runCli(other.url, 'generate', ...SIZE, '--until', UNTIL, '--seed', '8', '--append');
    expect(await digest(other)).toMatchObject({ runs: 1400 });
    expect(await all(other.pool, 'select * from howdah.check_all()')).toEqual([]);
  });

  test('rejects a database that has runs, except with --append', async () => {
    const { status, stderr } = await runCli(db.url, '--json', 'generate', '--executions', '10');
    expect(status).toBe(1);
    expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error).toMatchObject({
      code: 'HWCNF',
      hint: expect.stringContaining('--append'),
    });
  });

  test('prints the result on stdout as JSON, and its progress on stderr', async () => {
    const { status, stdout, stderr } = await runCli(
      db.url,
      ...['--json', 'generate', '--executions', '30', '--append', '--seed', '9'],
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      executions: 30,
      steps: expect.any(Number),
      messages: expect.any(Number),
      seconds: expect.any(Number),
      rows_per_second: expect.any(Number),
    });
    expect(stderr).toMatch(/Writing 30 finished runs/);
    expect(stderr).toMatch(/30 runs, \d+ steps, \d+ messages; \d+ rows\/s/);
  });

  test.each([
    ['--executions', '0'],
    ['--steps', '1'],
    ['--seed', '1.5'],
    ['--until', 'yesterday'],
  ])('rejects %s %s', async (option, value) => {
    expect((await runCli(db.url, 'generate', option, value)).status).toBe(2);
  });
});

describe('a run inserted with its end', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db?.drop());

  test("requires an owner's rights: the application may not set completed_at", async () => {
    const text = `insert into howdah.executions (agent_id, input, completed_at) values ($1, 'x', now())`;
    const { id } = await one(db.pool, `select howdah.agent('development') as id`);
    const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
    const refused = await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) =>
      refusal(client.query(text, [id])),
    );
    expect(refused.code).toBe('42501');
  });

  test('must satisfy the constraints like any other run', async () => {
    const refused = await refusal(
      db.pool.query(
        `insert into howdah.executions (agent_id, agent_version_id, root_execution_id, input, max_steps, max_seconds, created_by, completed_at)
         select a.id, a.current_version_id, howdah.uuid_v7(), 'x', 1, 1, 'me', now() from howdah.agents as a limit 1`,
      ),
    );
    expect(refused).toMatchObject({ code: '23514' });
  });
});
