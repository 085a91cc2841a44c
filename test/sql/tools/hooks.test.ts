import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  claim,
  commit,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  refusal,
  rolledBack,
  takeRole,
} from '../support.ts';

describe('hooks', () => {
  const db = testDatabase();
  let worker: string;

  beforeAll(async () => {
    worker = await makeWorker(db.pool);
    await db.pool.query(`
      create schema shop;
      create schema "Odd shop";
      create function shop.check(event jsonb) returns jsonb language sql as 'select null::jsonb';
      create function shop.note(event jsonb) returns void language sql as 'select';
      create function "Odd shop"."Check it"(event jsonb) returns jsonb language sql as 'select null::jsonb';
      create function shop.of_text(event text) returns jsonb language sql as 'select null::jsonb';
      create function shop.gives_text(event jsonb) returns text language sql return 'x';
      create function shop.gives_rows(event jsonb) returns setof jsonb language sql as 'select event';
      create procedure shop.a_procedure(event jsonb) language sql begin atomic select 1; end;
      create aggregate shop.an_aggregate(jsonb) (sfunc = jsonb_concat, stype = jsonb)`);
  });

  const add = (name: string | null, columns: Record<string, unknown> = {}) => {
    const row = { event: 'tool_after', function: name, ...columns };
    return one(
      db.pool,
      `insert into howdah.hooks (${Object.keys(row).join(', ')})
       values (${Object.keys(row).map((_, index) => `$${index + 1}`)}) returning *`,
      Object.values(row),
    );
  };
  const hooksOf = async (tenant: string, agent: string) =>
    (
      await one(db.pool, 'select howdah_private.hooks_of($1, $2, null) as hooks', [tenant, agent])
    ).hooks?.map((hook: { function: string }) => hook.function) ?? null;

  test.each([
    ['shop.check', 'shop.check'],
    ['SHOP.Note (event jsonb)', 'shop.note'],
    ['"Odd shop"."Check it"(jsonb)', '"Odd shop"."Check it"'],
  ])('store their function name with its schema: %s', async (name, stored) => {
    expect(await add(name)).toMatchObject({
      function: stored,
      position: 1,
      timeout_ms: 5000,
      is_active: true,
    });
    expect(
      await one(
        db.pool,
        `select has_function_privilege('howdah_app', $1, 'execute')
           and has_schema_privilege('howdah_app', $2, 'usage') as may`,
        [`${stored}(jsonb)`, stored.startsWith('"') ? 'Odd shop' : 'shop'],
      ),
    ).toEqual({ may: true });
    expect(await refusal(add(name))).toMatchObject({ code: '23505' });
    await db.pool.query('delete from howdah.hooks');
  });

  test.each([
    ['shop.chekc', 'there is no such function with one jsonb argument', /Write it with its schema/],
    ['check', 'there is no such function', /Did you mean shop\."check"\(jsonb\)\?/],
    ['shop.of_text', 'there is no such function', /Did you mean shop\.of_text\(text\)\?/],
    ['shop.gives_text', 'it returns text', /returns jsonb or void/],
    ['shop.gives_rows', 'it is not a plain function', /returns jsonb/],
    ['shop.a_procedure', 'it is not a plain function', /returns jsonb/],
    ['shop.an_aggregate', 'it is not a plain function', /returns jsonb/],
    ['pg_catalog.jsonb_strip_nulls', 'there is no such function|it is in a system schema', /./],
    ['pg_catalog.jsonb_array_elements', 'it is in a system schema', /./],
    ['howdah_private.note', 'there is no such function', /./],
    ["shop.check'); drop schema shop; --", 'there is no such function', /./],
    ['', 'there is no such function', /./],
  ])('reject a function that cannot be called: %s', async (name, message, hint) => {
    const refused = await refusal(add(name));
    expect(refused).toMatchObject({ code: 'HWINV' });
    expect(refused.message).toMatch(new RegExp(message));
    expect(refused.hint).toMatch(hint);
    expect(refused.fields).toEqual({ field: 'function', function: name });
  });

  test('reject a missing function, an unknown event and an invalid timeout', async () => {
    expect(await refusal(add(null))).toMatchObject({ code: 'HWINV' });
    expect(await refusal(add('shop.check', { event: 'tool_during' }))).toMatchObject({
      code: '22P02',
    });
    expect(await refusal(add('shop.check', { timeout_ms: 0 }))).toMatchObject({ code: 'HWINV' });
  });

  test('are written by owners only and readable by the application', async () => {
    const { id } = await add('shop.check');
    const { tenant_id } = await one(db.pool, 'select tenant_id from howdah.hooks');
    const settings = { 'howdah.tenant_id': tenant_id };
    await asRole(db.pool, 'howdah_app', settings, async (client) => {
      expect(await all(client, 'select id from howdah.hooks')).toEqual([{ id }]);
    });
    for (const text of [
      `insert into howdah.hooks (event, function) values ('before_run', 'shop.check')`,
      'update howdah.hooks set is_active = false',
      'delete from howdah.hooks',
    ]) {
      const refused = asRole(db.pool, 'howdah_app', settings, (client) => client.query(text));
      expect(await refusal(refused)).toMatchObject({ code: '42501' });
    }
    await rolledBack(db.pool, async (client) => {
      await client.query('grant insert (event, function) on howdah.hooks to howdah_app');
      await takeRole(client, 'howdah_app', settings);
      const insert = `insert into howdah.hooks (event, function) values ('before_run', 'shop.check')`;
      expect(await refusal(client.query(insert))).toMatchObject({
        code: 'HWDEN',
        fields: { field: 'function', function: 'shop.check' },
      });
    });
    await db.pool.query('delete from howdah.hooks');
  });

  test('are returned for their tenant and agent, active ones only, in order', async () => {
    const [a, b] = [await makeTenant(db.pool), await makeTenant(db.pool)];
    const [mine, other] = [
      await makeAgent(db.pool, { tenant_id: a }),
      await makeAgent(db.pool, { tenant_id: a }),
    ];
    await add('shop.note', { tenant_id: a, position: 2 });
    await add('shop.check', { tenant_id: a, agent_id: mine });
    await add('"Odd shop"."Check it"', { tenant_id: a, position: 3, is_active: false });
    expect(await hooksOf(a, mine)).toEqual(['shop.check', 'shop.note']);
    expect(await hooksOf(a, other)).toEqual(['shop.note']);
    expect(await hooksOf(b, mine)).toBeNull();
    expect(await refusal(add('shop.note', { tenant_id: b, agent_id: mine }))).toMatchObject({
      code: 'HWNTF',
    });
    const run = await makeRun(db.pool, { tenant_id: a, agent_id: mine });
    const [claimed] = await claim(db.pool, worker, [run]);
    expect(claimed).toMatchObject({ is_new: true, hooks: [{ function: 'shop.check' }, {}] });
    await commit(db.pool, worker, [
      {
        id: run,
        fence: 1,
        after: 0,
        steps: [{ kind: 'guard', name: 'before_run', annotations: { a: 1 } }],
      },
    ]);
    expect(
      await one(db.pool, 'select annotations from howdah.steps where execution_id = $1', [run]),
    ).toEqual({ annotations: { a: 1 } });
    await db.pool.query('select howdah_private.release_executions($1, null, false)', [worker]);
    expect(await claim(db.pool, worker, [run])).toMatchObject([{ is_new: false }]);
    await db.pool.query('delete from howdah.hooks where tenant_id = $1', [a]);
    await db.pool.query('select howdah_private.release_executions($1, null, false)', [worker]);
    expect(await claim(db.pool, worker, [run])).toMatchObject([{ hooks: null }]);
    await commit(db.pool, worker, [
      {
        id: run,
        fence: 3,
        after: 1,
        steps: [{ kind: 'output' }],
        to: { status: 'completed', stop_reason: 'final_answer', output: 'x' },
      },
    ]);
  });

  test('a fork is claimed as a new run, with its copied steps', async () => {
    const run = await makeRun(db.pool);
    await finish(db.pool, worker, run);
    const { id } = await one(db.pool, 'select id from howdah.fork_execution($1, 1)', [run]);
    expect(await claim(db.pool, worker, [id])).toMatchObject([{ is_new: true, step_count: 2 }]);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('execution_complete hooks are queued once when a run is ended from outside', async () => {
    const agent = await makeAgent(db.pool);
    await add('shop.note', { event: 'execution_complete', agent_id: agent });
    const [run, other] = [await makeRun(db.pool, { agent_id: agent }), await makeRun(db.pool)];
    for (const id of [run, other, run]) {
      await refusalOrNothing(db.pool.query('select howdah.cancel_execution($1)', [id]));
    }
    const endedRuns = await all(db.pool, 'select * from howdah_private.ended_runs');
    expect(endedRuns).toMatchObject([
      {
        execution_id: run,
        event: {
          event: 'execution_complete',
          execution_id: run,
          status: 'cancelled',
          stop_reason: 'cancelled',
          agent_id: agent,
          error: null,
        },
      },
    ]);
    const jobs = await all(
      db.pool,
      `select payload from graphile_worker._private_jobs as j
       join graphile_worker._private_tasks as t on t.id = j.task_id where t.identifier = 'execution_complete'`,
    );
    expect(jobs).toEqual([{ payload: { id: endedRuns[0]?.id, tenant_id: expect.any(String) } }]);
    const take = () =>
      all(db.pool, 'select * from howdah_private.claim_ended_run($1)', [endedRuns[0]?.id]);
    expect(await take()).toMatchObject([{ execution_id: run, hooks: [{ function: 'shop.note' }] }]);
    expect(await take()).toEqual([]);
  });
});

async function refusalOrNothing(work: Promise<unknown>): Promise<void> {
  await work.catch((error: { code: string }) => expect(error.code).toBe('HWTRM'));
}
