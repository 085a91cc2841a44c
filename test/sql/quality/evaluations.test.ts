import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { askSqlGrader } from '../../../src/db/quality/ask-sql-grader.ts';
import { claimGrades, storeGrades } from '../../../src/db/quality/due-grades.ts';
import { testDatabase } from '../../support/database.ts';
import { gradeRuns } from '../../support/work/grade-runs.ts';
import {
  all,
  asRole,
  completed,
  failed,
  finish,
  makeAgent,
  makeModel,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  type User,
} from '../support.ts';

// Evaluations: runs of all items of a data set, their grades, and who may do what.

const db = testDatabase();
let tenant: string;
let agent: string;
let worker: string;
let member: User;
let dataset: string;

beforeEach(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  agent = `agent-${randomUUID()}`;
  await makeAgent(db.pool, { tenant_id: tenant, name: agent });
  member = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  dataset = await makeDataset(3);
});

async function makeDataset(items: number, tenantId = tenant): Promise<string> {
  const name = `set-${randomUUID()}`;
  await db.pool.query(
    `with made as (insert into howdah.datasets (tenant_id, name) values ($1, $2) returning id),
       graded as (
         insert into howdah.graders (tenant_id, dataset_id, name, kind)
         select $1, id, 'answer of ' || $2, 'exact' from made)
     insert into howdah.dataset_items (tenant_id, dataset_id, input, expected, split, metadata)
     select $1, id, 'question ' || n, to_jsonb('answer ' || n), case when n = 1 then 'train' else 'test' end,
       jsonb_build_object('language', case when n % 2 = 0 then 'fr' else 'en' end)
     from made cross join generate_series(1, $3) as n`,
    [tenantId, name, items],
  );
  return name;
}

type Evaluation = {
  id: string;
  status: string;
  items: number;
  totals: Record<string, number>;
  [name: string]: unknown;
};

/** Runs a statement as a user, and commits it. */
async function as<T extends object>(user: User, text: string, values: unknown[] = []) {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query(
      `select set_config('howdah.tenant_id', $1, true), set_config('howdah.user_id', $2, true)`,
      [user.tenant_id, user.id],
    );
    await client.query('set local role howdah_app');
    const { rows } = await client.query(text, values);
    await client.query('commit');
    return rows as T[];
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

const evaluate = async (options = '', user = member): Promise<Evaluation> => {
  const rows = await as<Evaluation>(
    user,
    `select * from howdah.evaluate($1, $2${options ? `, ${options}` : ''})`,
    [dataset, agent],
  );
  return rows[0] as Evaluation;
};

const read = (id: string) =>
  one<Evaluation>(db.pool, 'select * from howdah.evaluations where id = $1', [id]);

const results = (id: string) =>
  all<{ execution_id: string; input: string; repeat: number; [name: string]: unknown }>(
    db.pool,
    `select r.*, i.input from howdah.evaluation_results as r
     join howdah.dataset_items as i on i.id = r.item_id
     where r.evaluation_id = $1 order by i.input, r.repeat`,
    [id],
  );

/** Ends the runs of an evaluation: each answers as `answerTo` says. */
async function finishRuns(id: string, answerTo: (input: string, repeat: number) => string) {
  for (const { execution_id, input, repeat } of await results(id)) {
    await finish(db.pool, worker, execution_id, {
      ...completed,
      output: answerTo(input, repeat),
    });
  }
}

const right = (input: string) => input.replace('question', 'answer');
const violations = () => all(db.pool, 'select * from howdah.violations');

describe('the items of an earlier time', () => {
  test('are those of an evaluation then, also if they were removed since', async () => {
    const before = await evaluate();
    const { at } = await one(db.pool, `select clock_timestamp()::text as at`);
    await as(
      member,
      `update howdah.dataset_items set removed_at = now() where input = 'question 2'`,
    );
    await as(
      member,
      `insert into howdah.dataset_items (dataset_id, input)
       select id, 'question 4' from howdah.datasets where name = $1`,
      [dataset],
    );
    const then = await evaluate(`items_at => '${at}'`);
    expect(then).toMatchObject({ items: 3, items_digest: before.items_digest });
    expect(then.items_at).toBeInstanceOf(Date);
    expect((await results(then.id)).map(({ input }) => input)).toContain('question 2');
    const now = await evaluate();
    expect(now).toMatchObject({ items: 3, items_at: null });
    expect(now.items_digest).not.toBe(before.items_digest);
    await finishRuns(before.id, right);
    await gradeRuns(db.pool);
    expect((await evaluate(`items_at => '${at}', reuse => true`)).id).toBe(before.id);
  });

  test('are refused where there were none, and for a time without end', async () => {
    expect(await refusal(evaluate(`items_at => '2020-01-01'`))).toMatchObject({
      ...{ code: 'HWINV', message: 'the data set had no items at 2020-01-01 00:00:00+00' },
      fields: { field: 'items_at' },
    });
    for (const time of ['infinity', '-infinity', '9999-01-01']) {
      expect(await refusal(evaluate(`items_at => '${time}'`))).toMatchObject({
        ...{ code: 'HWINV', detail: '{"field": "items_at"}' },
      });
    }
  });
});

describe('an evaluation', () => {
  test('starts a run for each item and repeat, and grades them when they end', async () => {
    const { id, items } = await evaluate(`repeat => 2`);
    expect(items).toBe(3);
    const runs = await all(
      db.pool,
      `select e.input, e.priority, e.metadata ->> 'evaluation_id' as evaluation_id,
         (e.metadata ->> 'repeat')::int as repeat, e.user_id
       from howdah.executions as e where e.tenant_id = $1 order by e.input, 4`,
      [tenant],
    );
    expect(runs).toHaveLength(6);
    expect(runs[1]).toEqual({
      ...{ input: 'question 1', priority: 10, evaluation_id: id, repeat: 2 },
      user_id: member.id,
    });
    await finishRuns(id, (input, repeat) => (repeat === 2 && /2/.test(input) ? '?' : right(input)));
    expect((await read(id)).status).toBe('running');
    expect(await gradeRuns(db.pool)).toBe(6);
    const { status, totals } = await read(id);
    expect(status).toBe('completed');
    expect(totals).toMatchObject({
      ...{ runs: 6, graded: 6, passed: 5, failed: 1, cancelled: 0, flaky_items: 1 },
      ...{ pass_rate: 0.833333, pass_hat_k: 0.666667, score: 0.833333, tokens: 90 },
      graders: { [`answer of ${dataset}`]: { score: 0.833333, passed: 5, failed: 1 } },
    });
    // Wilson's interval of three items
    expect(Number(totals.pass_rate_low)).toBeCloseTo(0.31, 4);
    expect(Number(totals.pass_rate_high)).toBeCloseTo(0.98235, 4);
    const [first, , , wrong] = await results(id);
    await db.pool.query(
      `update howdah.evaluation_results set passed = null, error = '{"code": "not_graded"}' where id = $1`,
      [first?.id],
    );
    const { rows } = await db.pool.query('select howdah_private.evaluation_totals($1) as known', [
      id,
    ]);
    expect(rows[0].known).toMatchObject({ not_graded: 1, pass_hat_k: 0.5, flaky_items: 1 });
    await db.pool.query('update howdah.evaluation_results set passed = true where id = $1', [
      first?.id,
    ]);
    expect(wrong).toMatchObject({ passed: false, score: 0, error: null });
    expect(Object.values(wrong?.scores ?? {})).toEqual([
      { score: 0, passed: false, detail: 'the answer differs' },
    ]);
    expect(await violations()).toEqual([]);
  });

  test('pins the version, the items and the graders', async () => {
    const { id } = await evaluate();
    await db.pool.query(`update howdah.agents set instruction = 'Other.' where name = $1`, [agent]);
    await db.pool.query(`delete from howdah.graders where tenant_id = $1`, [tenant]);
    await db.pool.query(`update howdah.dataset_items set removed_at = now() where tenant_id = $1`, [
      tenant,
    ]);
    await finishRuns(id, right);
    await gradeRuns(db.pool);
    expect((await read(id)).totals).toMatchObject({ passed: 3 });
    const versions = await all(
      db.pool,
      `select distinct e.agent_version_id as version_id from howdah.executions as e
       where e.tenant_id = $1`,
      [tenant],
    );
    expect(versions).toEqual([{ version_id: (await read(id)).version_id }]);
  });

  test('evaluates one split', async () => {
    const { id } = await evaluate(`split => 'test'`);
    expect((await results(id)).map(({ input }) => input)).toEqual(['question 2', 'question 3']);
  });

  test('returns an equal evaluation for reuse, and another after a change', async () => {
    const { id } = await evaluate();
    await finishRuns(id, right);
    expect((await evaluate('reuse => true')).id).not.toBe(id); // the first is still running
    await gradeRuns(db.pool);
    expect((await evaluate('reuse => true')).id).toBe(id);
    expect((await evaluate('reuse => true, repeat => 2')).id).not.toBe(id);
    expect((await evaluate(`reuse => true, split => 'test'`)).id).not.toBe(id);
  });

  test('counts failed runs as failed, and cancelled runs as neither', async () => {
    const { id } = await evaluate();
    const [one, two, three] = await results(id);
    await finish(db.pool, worker, one?.execution_id ?? '', failed);
    await as(member, 'select howdah.cancel_execution($1)', [two?.execution_id]);
    await finish(db.pool, worker, three?.execution_id ?? '', { ...completed, output: 'answer 3' });
    await gradeRuns(db.pool);
    const graded = await results(id);
    expect(graded.map(({ passed, score, error }) => ({ passed, score, error }))).toEqual([
      { passed: false, score: 0, error: { code: 'error', message: failed.error.message } },
      { passed: null, score: null, error: expect.objectContaining({ code: 'cancelled' }) },
      { passed: true, score: 1, error: null },
    ]);
    expect((await read(id)).totals).toMatchObject({ passed: 1, failed: 1, cancelled: 1 });
    // a retry is graded again, once
    await as(member, 'select howdah.retry_execution($1)', [one?.execution_id]);
    await finish(db.pool, worker, one?.execution_id ?? '', { ...completed, output: 'answer 1' });
    expect(await gradeRuns(db.pool)).toBe(1);
    expect((await read(id)).totals).toMatchObject({ passed: 2, failed: 0, cancelled: 1 });
  });

  test('is cancelled with its runs', async () => {
    const { id } = await evaluate();
    const [first] = await results(id);
    await finish(db.pool, worker, first?.execution_id ?? '', { ...completed, output: 'answer 1' });
    await as(member, 'select howdah.cancel_evaluation($1)', [id]);
    await gradeRuns(db.pool);
    expect(await read(id)).toMatchObject({
      status: 'cancelled',
      totals: { passed: 1, cancelled: 2 },
    });
    const again = await refusal(as(member, 'select howdah.cancel_evaluation($1)', [id]));
    expect(again.code).toBe('HWCNF');
  });

  test('completes when its open items are gone', async () => {
    const { id } = await evaluate();
    await db.pool.query('delete from howdah.dataset_items where tenant_id = $1', [tenant]);
    expect(
      await as(member, 'select status, completed_at from howdah.cancel_evaluation($1)', [id]),
    ).toEqual([{ status: 'cancelled', completed_at: expect.any(Date) }]);
  });

  test('runs the items that it counts, though others are added meanwhile', async () => {
    const client = await db.pool.connect();
    try {
      await client.query('begin');
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant]);
      const { items } = await one<{ items: string[] }>(
        client,
        `select howdah_private.lock_items(d.tenant_id, d.id, null, null) as items
         from howdah.datasets as d where d.name = $1`,
        [dataset],
      );
      await db.pool.query(
        `insert into howdah.dataset_items (tenant_id, dataset_id, input)
         select tenant_id, id, 'late' from howdah.datasets where name = $1`,
        [dataset],
      );
      await client.query(
        `select howdah_private.insert_evaluation(e, $3, 10)
         from howdah.datasets as d
         join howdah.agents as a on a.tenant_id = d.tenant_id and a.name = $2
         cross join lateral howdah_private.new_evaluation(
           d.id, a.id, null, null, null, 1, null, null, null, $3) as e
         where d.name = $1`,
        [dataset, agent, items],
      );
      await client.query('commit');
    } finally {
      client.release();
    }
    const [{ id, items }] = (await all<Evaluation>(
      db.pool,
      'select * from howdah.evaluations where tenant_id = $1',
      [tenant],
    )) as [Evaluation];
    expect(items).toBe(3);
    expect(await results(id)).toHaveLength(3);
  });

  test('is graded once by many workers, also after one has died', async () => {
    const { id } = await evaluate('repeat => 20');
    await finishRuns(id, right);
    const lane = { tenant_id: tenant, evaluation_id: id };
    const claimed = await claimGrades(db.pool, lane, 10); // the worker dies
    expect(claimed).toHaveLength(10);
    await Promise.all([gradeRuns(db.pool), gradeRuns(db.pool), gradeRuns(db.pool)]);
    expect(await read(id)).toMatchObject({ status: 'running', totals: { graded: 50 } });
    await db.pool.query('update howdah_private.due_grades set due_at = now()');
    await gradeRuns(db.pool);
    expect(await read(id)).toMatchObject({ status: 'completed', totals: { passed: 60 } });
    // the dead worker comes back
    const graded = claimed.map((run) => ({ run, grades: {} }));
    expect(await storeGrades(db.pool, lane, graded)).toBe(0);
  });

  test('gives up a run that cannot be graded, and grades the others', async () => {
    const { id } = await evaluate();
    await finishRuns(id, right);
    const [first] = await results(id);
    await db.pool.query(
      'update howdah_private.due_grades set attempts = 5 where execution_id = $1',
      [first?.execution_id],
    );
    await gradeRuns(db.pool);
    expect((await results(id))[0]).toMatchObject({ error: { code: 'not_graded' }, passed: null });
    expect(await read(id)).toMatchObject({ status: 'completed', totals: { passed: 2 } });
  });
});

describe('a SQL grader', () => {
  const grade = async (query: string, timeout_ms = 2_000) => {
    const { id } = await evaluate();
    await finishRuns(id, right);
    const [run] = await claimGrades(db.pool, { tenant_id: tenant, evaluation_id: id }, 1);
    if (!run) throw new Error('no run was claimed');
    const configuration = { query, timeout_ms };
    return askSqlGrader(db.pool, tenant, run, { name: 'effects', configuration });
  };

  test('passes if its query returns a row, and sees the item and the run', async () => {
    expect(
      await grade(`select from howdah.executions as e where e.id = ($1 ->> 'execution_id')::uuid
        and e.output = $1 ->> 'output' and to_jsonb(e.output) = $1 -> 'expected';`),
    ).toEqual({ score: 1 });
    expect(await grade('select 1 where false')).toEqual({
      score: 0,
      detail: 'the query returned no row',
    });
  });

  test('changes nothing, and sees no other tenant', async () => {
    await db.pool.query(`
      create schema if not exists shop;
      create table shop.refunds (id int);
      grant usage on schema shop to howdah_app;
      grant all on shop.refunds to howdah_app;
      create function shop.refund() returns int language sql as
        'insert into shop.refunds values (1) returning id'`);
    expect(await grade('select shop.refund()')).toEqual({ score: 1 });
    expect(await all(db.pool, 'select from shop.refunds')).toEqual([]);
    await makeDataset(1, await makeTenant(db.pool));
    expect(
      await grade(`select from howdah.datasets as d where d.tenant_id <> howdah.current_tenant()`),
    ).toMatchObject({ score: 0 });
  });

  test('gives 0 for an error about values, with the reason', async () => {
    for (const [query, code] of [
      ['select 1/0', '22012'],
      [`select ($1 ->> 'output')::int`, '22P02'],
      ['select (select n from generate_series(1, 2) as n)', '21000'],
    ] as const) {
      const detail = expect.stringMatching(`^${code}: `);
      expect(await grade(query), query).toEqual({ score: 0, detail });
    }
  });

  test('gives no score if its query cannot run, with the reason', async () => {
    for (const [query, reason] of [
      ['select frm shop.refunds wher', '42601: '],
      ['select from shop.no_such_table', '42P01: '],
      ['select no_such_function(1)', '42883: '],
      ['select from howdah_private.workers', '42501: '],
      ['select 1) as r; drop table howdah.datasets; --', '42601: '],
    ] as const) {
      const error = expect.stringMatching(`^${reason}`);
      expect(await grade(query), query).toEqual({ error });
    }
    expect(await grade('select pg_sleep(60)', 50)).toEqual({
      error: '57014: the query took longer than 50 ms',
    });
  });

  test.each(['40P01', '40001'])('gives no score if another transaction won: %s', async (code) => {
    await db.pool.query(`create schema if not exists shop; grant usage on schema shop to howdah_app;
      create or replace function shop.lose_race() returns int language plpgsql as
        $$ begin raise exception using errcode = '${code}', message = 'lost'; end $$`);
    const error = expect.stringMatching(`^${code}: `);
    expect(await grade('select shop.lose_race()')).toEqual({ error });
  });

  test('whose query cannot run leaves a result ungraded, which can be graded again', async () => {
    await db.pool.query(
      `insert into howdah.graders (tenant_id, name, kind, configuration)
       values ($1, 'later', 'sql', '{"query": "select from shop.made_later"}'),
         ($1, 'same', 'exact', '{}'),
         ($1, 'wrong', 'sql', '{"query": "select from shop.no_such_table"}')`,
      [tenant],
    );
    // a result names all graders that could not judge it
    const { id: two } = await evaluate(`graders => '{later,same,wrong}'`);
    await finishRuns(two, right);
    await gradeRuns(db.pool);
    expect((await results(two))[0]?.error).toMatchObject({
      message: expect.stringMatching(/^later: 42P01: .*; wrong: 42P01: /),
    });
    expect((await read(two)).totals).toMatchObject({
      ...{ pass_rate: null, pass_rate_low: null },
      graders: { same: { passed: 3, failed: 0 } },
    });
    const { id } = await evaluate(`graders => '{later,same}'`);
    await finishRuns(id, right);
    await gradeRuns(db.pool);
    expect(await results(id)).toMatchObject(
      [1, 2, 3].map(() => ({
        ...{ passed: null, score: null },
        error: { code: 'not_graded', message: expect.stringMatching(/^later: 42P01: /) },
        scores: { later: { error: expect.stringMatching(/^42P01: /) }, same: { score: 1 } },
      })),
    );
    expect(await read(id)).toMatchObject({ totals: { passed: 0, failed: 0, not_graded: 3 } });
    await db.pool.query(`create schema if not exists shop; grant usage on schema shop to howdah_app;
      create table shop.made_later as select 1 as n; grant select on shop.made_later to howdah_app`);
    await as(member, 'select howdah.grade_again($1)', [id]);
    await gradeRuns(db.pool);
    expect(await read(id)).toMatchObject({ status: 'completed', totals: { passed: 3 } });
  });

  test('is judged by the code of an error, whatever its message says', async () => {
    await db.pool.query(`
      create schema if not exists shop;
      grant usage on schema shop to howdah_app;
      create function shop.fail() returns int language plpgsql as
        $$ begin raise exception 'connection terminated, timeout exceeded'; end $$`);
    expect(await grade('select shop.fail()')).toMatchObject({
      ...{ score: 0, detail: expect.stringMatching(/^P0001/) },
    });
  });

  test('is not asked about a run that was not completed', async () => {
    await db.pool.query(
      `insert into howdah.graders (tenant_id, name, kind, configuration)
       values ($1, 'never', 'sql', '{"query": "select"}')`,
      [tenant],
    );
    const { id } = await evaluate(`graders => '{never}'`);
    const [first, second] = await results(id);
    await finish(db.pool, worker, first?.execution_id ?? '', failed);
    await finish(db.pool, worker, second?.execution_id ?? '', { ...completed, output: '?' });
    const claimed = await claimGrades(db.pool, { tenant_id: tenant, evaluation_id: id }, 10);
    const asked = claimed.map(({ execution_id, graders }) => [execution_id, graders.length]);
    expect(Object.fromEntries(asked)).toEqual({
      ...{ [first?.execution_id ?? '']: 0, [second?.execution_id ?? '']: 1 },
    });
  });

  test('is asked by the worker', async () => {
    await db.pool.query(
      `insert into howdah.graders (tenant_id, name, kind, configuration) values ($1, 'one', 'sql', $2)`,
      [tenant, { query: `select where $1 ->> 'input' like '%1'` }],
    );
    const { id } = await evaluate(`graders => '{one}'`);
    await finishRuns(id, right);
    await gradeRuns(db.pool);
    expect((await results(id)).map(({ passed }) => passed)).toEqual([true, false, false]);
  });
});

describe('an item', () => {
  const addRun = (id: string, options = '') =>
    as<{ id: string; expected: unknown; source_version_id: string; trust: string }>(
      member,
      `select * from howdah.add_to_dataset($1, $2${options})`,
      [dataset, id],
    );

  test('is made of a run, with its answer, version and trust', async () => {
    const { id: run } = await one<{ id: string }>(
      db.pool,
      `insert into howdah.executions (tenant_id, agent_id, input, input_trust)
       select $1, id, 'Where is A-1?', 'external' from howdah.agents where name = $2 returning id`,
      [tenant, agent],
    );
    const early = await refusal(addRun(run));
    expect({ code: early.code, field: early.fields?.field }).toEqual({
      code: 'HWINV',
      field: 'expected',
    });
    await finish(db.pool, worker, run);
    const [item] = await addRun(run);
    expect(item).toMatchObject({
      ...{ input: 'Where is A-1?', expected: completed.output, source_execution_id: run },
      ...{ trust: 'external', created_by: member.username },
    });
    expect(item?.source_version_id).toBeTruthy();
    const [corrected] = await addRun(run, `, '{"order": 1}', 'test', '{"language": "en"}'`);
    expect(corrected).toMatchObject({ expected: { order: 1 }, split: 'test' });
    // its runs have the trust of its input
    await evaluate();
    expect(
      await all(
        db.pool,
        `select input_trust from howdah.executions
         where metadata ->> 'item_id' = $1`,
        [item?.id],
      ),
    ).toEqual([{ input_trust: 'external' }]);
  });

  test('is never changed, only removed', async () => {
    const change = (set: string) =>
      as(member, `update howdah.dataset_items set ${set} where tenant_id = $1`, [tenant]);
    expect((await refusal(change(`expected = '1'`))).code).toBe('42501');
    for (const set of [`expected = '1'`, `split = 'train'`, `metadata = '{}'`, `input = '?'`]) {
      const owner = db.pool.query(`update howdah.dataset_items set ${set} where tenant_id = $1`, [
        tenant,
      ]);
      expect(await refusal(owner)).toMatchObject({
        ...{ code: 'HWDEN', hint: 'Set removed_at, and insert another item.' },
      });
    }
    await change('removed_at = now()');
    expect((await refusal(evaluate())).fields).toEqual({ field: 'dataset' });
  });

  test('is removed now, whatever time is given, and once', async () => {
    const remove = (at: string) =>
      as<{ removed_at: Date; created_at: Date }>(
        member,
        `update howdah.dataset_items set removed_at = ${at} where tenant_id = $1
         returning removed_at, created_at`,
        [tenant],
      );
    const [first] = await remove(`'2020-01-01'`);
    expect(Number(first?.removed_at)).toBeGreaterThanOrEqual(Number(first?.created_at));
    expect(await remove(`'9999-01-01'`)).toContainEqual(first);
    expect(await remove('null')).toMatchObject([{ removed_at: null }, {}, {}]);
  });

  test('is deleted with its data set, by a member if no grader goes with it', async () => {
    const count = () => all(db.pool, 'select 1 from howdah.graders where tenant_id = $1', [tenant]);
    // a trigger of the member is no foreign key
    const deletion = as(
      member,
      `do $$ begin
         create temp table wishes (x int) on commit drop;
         create function pg_temp.wish() returns trigger language plpgsql
           as 'begin delete from howdah.graders; return null; end';
         create trigger wish after insert on wishes for each row execute function pg_temp.wish();
         insert into wishes values (1);
       end $$`,
    );
    expect((await refusal(deletion)).code).toBe('HWDEN');
    expect(await count()).toHaveLength(1);
    const remove = (user: User) =>
      as(user, 'delete from howdah.datasets where name = $1 returning id', [dataset]);
    expect((await refusal(remove(member))).code).toBe('HWDEN');
    await db.pool.query('update howdah.graders set dataset_id = null where tenant_id = $1', [
      tenant,
    ]);
    await db.pool.query(
      `insert into howdah.graders (tenant_id, name, kind, configuration)
       values ($1, 'polite', 'regex', '{"pattern": "please"}')`,
      [tenant],
    );
    await db.pool.query(
      `insert into howdah.grading_rules (tenant_id, name, dataset_id, agent_id, graders, sample)
       select d.tenant_id, 'hourly', d.id, a.id, '{polite}', 1
       from howdah.datasets as d join howdah.agents as a on a.tenant_id = d.tenant_id
       where d.tenant_id = $1 limit 1`,
      [tenant],
    );
    expect((await refusal(remove(member))).code).toBe('HWDEN');
    await db.pool.query('delete from howdah.grading_rules where tenant_id = $1', [tenant]);
    expect(await remove(member)).toHaveLength(1);
    expect(
      await all(db.pool, 'select from howdah.dataset_items where tenant_id = $1', [tenant]),
    ).toEqual([]);
    dataset = await makeDataset(1);
    expect(
      await remove(await makeUser(db.pool, { tenant_id: tenant, role: 'admin' })),
    ).toHaveLength(1);
    expect(await count()).toHaveLength(2); // those of no data set
  });
});

describe('the erasure of a person', () => {
  /** Adds a run of a person as an item, and evaluates it with the others. */
  async function evaluatePerson() {
    const ada = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
    const { id: run } = await one<{ id: string }>(
      db.pool,
      `insert into howdah.executions (tenant_id, agent_id, user_id, input)
       select $1, id, $3, 'question of ada' from howdah.agents where name = $2 returning id`,
      [tenant, agent, ada.id],
    );
    await finish(db.pool, worker, run);
    await as(member, 'select howdah.add_to_dataset($1, $2)', [dataset, run]);
    const { id } = await evaluate();
    return { id, ada, run };
  }
  const erase = (user: User, mode: string) =>
    db.pool.query('select howdah.erase_user($1, $2::howdah.erasure_mode, true)', [user.id, mode]);
  const texts = () =>
    all(
      db.pool,
      `select from howdah.executions where tenant_id = $1 and input = 'question of ada'
       union all select from howdah.dataset_items where tenant_id = $1 and input = 'question of ada'`,
      [tenant],
    );

  test.each(['anonymise', 'delete'])('(%s) erases runs of items, and completes', async (mode) => {
    const { id, ada } = await evaluatePerson();
    for (const { execution_id, input } of await results(id)) {
      if (input === 'question of ada') continue;
      await finish(db.pool, worker, execution_id, { ...completed, output: right(input) });
    }
    await gradeRuns(db.pool);
    expect((await read(id)).status).toBe('running');
    await erase(ada, mode);
    expect(await texts()).toEqual([]);
    expect(await read(id)).toMatchObject({
      ...{ status: 'completed', totals: { runs: 3, graded: 3, passed: 3 } },
    });
    expect(await violations()).toEqual([]);
  });

  test('also finds items whose source run is deleted', async () => {
    const { id, ada, run } = await evaluatePerson();
    await finishRuns(id, right);
    await gradeRuns(db.pool);
    await db.pool.query('select howdah_private.delete_runs($1)', [[run]]);
    expect(await texts()).toHaveLength(2);
    await erase(ada, 'anonymise');
    expect(await texts()).toEqual([]);
    expect((await read(id)).totals).toMatchObject({ runs: 3, passed: 3 });
  });
});

test('another model is shown as a column', async () => {
  const name = `model-${randomUUID()}`;
  await makeModel(db.pool, { tenant_id: tenant, name });
  expect(await evaluate(`model => '${name}'`)).toMatchObject({
    model: name,
    overrides: { model: name },
  });
  expect(await evaluate()).toMatchObject({ model: null });
});

describe('evaluate refuses', () => {
  test.each([
    ['repeat => 0', 'HWINV', 'repeat'],
    ['repeat => 101', 'HWINV', 'repeat'],
    [`split => 'none'`, 'HWINV', 'dataset'],
    [`graders => '{nobody}'`, 'HWNTF', 'graders'],
    [`graders => '{}'`, 'HWINV', 'graders'],
    [`workflow => 'both'`, 'HWINV', 'agent'],
    [`version => '99'`, 'HWNTF', 'version'],
    [`model => 'none'`, 'HWNTF', 'overrides.model'],
  ])('%s', async (options, code, field) => {
    const refused = await refusal(evaluate(options));
    expect({ code: refused.code, field: refused.fields?.field }).toEqual({ code, field });
    expect(
      await all(db.pool, 'select from howdah.evaluations where tenant_id = $1', [tenant]),
    ).toEqual([]);
  });

  test('a data set of another tenant, a viewer, and a hidden agent', async () => {
    const stranger = await makeUser(db.pool, { tenant_id: await makeTenant(db.pool) });
    expect((await refusal(evaluate('', stranger))).code).toBe('HWNTF');
    const viewer = await makeUser(db.pool, { tenant_id: tenant, role: 'viewer' });
    expect((await refusal(evaluate('', viewer))).code).toBe('HWDEN');
    const { id } = await evaluate();
    await db.pool.query('update howdah.agents set is_restricted = true where name = $1', [agent]);
    expect((await refusal(evaluate())).code).toBe('HWNTF');
    const started = as(
      member,
      `select howdah_private.start_evaluation(e.dataset_id, e.agent_id, null, null, null, 1, null,
         null, null, 0, false, null)
       from (select d.id as dataset_id, $2::uuid as agent_id from howdah.datasets as d
         where d.name = $1) as e`,
      [dataset, (await one(db.pool, 'select id from howdah.agents where name = $1', [agent])).id],
    );
    expect((await refusal(started)).code).toBe('HWNTF');
    const stolen = as(stranger, 'select howdah.cancel_evaluation($1)', [id]);
    expect((await refusal(stolen)).code).toBe('HWNTF');
    const marked = as(stranger, 'select howdah_private.mark_cancelled($1)', [id]);
    expect((await refusal(marked)).code).toMatch(/HW/);
    expect((await read(id)).status).toBe('running');
  });
});

test('a tenant sees its own data sets and results alone', async () => {
  const { id } = await evaluate();
  const stranger = await makeUser(db.pool, { tenant_id: await makeTenant(db.pool) });
  for (const table of [
    'datasets',
    'dataset_items',
    'graders',
    'evaluations',
    'evaluation_results',
  ]) {
    const rows = await asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': stranger.tenant_id, 'howdah.user_id': stranger.id },
      (client) => all(client, `select from howdah.${table}`),
    );
    expect(rows, table).toEqual([]);
  }
  const compared = as(stranger, 'select howdah.compare_evaluations($1, $1)', [id]);
  expect((await refusal(compared)).code).toBe('HWNTF');
});
