import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Preview } from '../../../src/contracts/runs/preview.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { replayRun } from '../../../src/runtime/replay/replay-run.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { runCli } from '../../cli/run-cli.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  resultsOf,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
import { takeLock, waitForWaitingTools } from '../shop.ts';

/** A warehouse whose functions change it by every kind of statement, and require an approval. */
const WAREHOUSE = `
  create schema store;
  create table store.stock (item text primary key, pieces int not null, touched_at timestamptz not null default now(),
    check (pieces >= 0));
  create table store.orders (id uuid primary key default gen_random_uuid(), no bigint generated always as identity,
    item text not null references store.stock, pieces int not null, made_at timestamptz not null default clock_timestamp());
  create table store.lines (order_id uuid not null references store.orders on delete cascade, note text);
  create table store.log (what text);
  create table store.hidden (what text);
  create table store.own (tenant_id uuid not null default howdah.current_tenant(), word text primary key, n int not null);
  alter table store.own enable row level security;
  create policy own on store.own using (tenant_id = howdah.current_tenant());
  create table store.months (month int not null, item text not null, primary key (month, item)) partition by range (month);
  create table store.months_1 partition of store.months for values from (0) to (7);
  create table store.months_2 partition of store.months for values from (7) to (13);
  create table store.late (id int primary key, stock text references store.stock deferrable initially deferred);
  create function store.touch() returns trigger language plpgsql as
    'begin new.touched_at := clock_timestamp(); return new; end';
  create trigger touch before update on store.stock for each row execute function store.touch();
  create function store.log_late() returns trigger language plpgsql as
    'begin insert into store.log values (''late '' || new.id); return null; end';
  create constraint trigger log_late after insert on store.late deferrable initially deferred
    for each row execute function store.log_late();
  grant usage on schema store to howdah_app;
  grant select, insert, update, delete on store.stock, store.orders, store.lines, store.log, store.own, store.months, store.late to howdah_app;
  grant usage on all sequences in schema store to howdah_app;

  create function store.take(item text, pieces int) returns int language sql as
    'update store.stock as s set pieces = s.pieces - take.pieces where s.item = take.item returning s.pieces';
  create function store.set_pieces(item text, pieces int) returns void language sql as
    'update store.stock as s set pieces = set_pieces.pieces where s.item = set_pieces.item';
  create function store.order_item(item text, pieces int) returns jsonb language plpgsql as $$
    declare v store.orders;
    begin
      begin
        update store.stock as s set pieces = s.pieces - order_item.pieces where s.item = order_item.item;
      exception when check_violation then
        insert into store.log values ('not enough');
      end;
      insert into store.orders (item, pieces) values (order_item.item, order_item.pieces) returning * into v;
      insert into store.lines values (v.id, 'for ' || order_item.item);
      return jsonb_build_object('id', v.id, 'item', v.item, 'at', now(), 'chance', random());
    end $$;
  create function store.clear(item text) returns bigint language plpgsql as $$
    declare v bigint;
    begin
      perform from store.stock as s for update;
      delete from store.orders as o where o.item = clear.item;
      get diagnostics v = row_count;
      return v;
    end $$;
  create function store.fill(pieces int) returns void language sql as
    $$insert into store.stock select 'many ' || i, fill.pieces from generate_series(1, 2000) as i$$;
  create function store.fail() returns void language plpgsql as
    $$begin insert into store.log values ('failing'); raise exception 'out of stock' using hint = 'Order less.'; end$$;
  create function store.own_word(word text) returns void language sql as
    'insert into store.own as o (word, n) values (own_word.word, 1) on conflict (word) do update set n = o.n + 1';
  create function store.write_hidden() returns void language sql security definer set search_path = pg_catalog as
    $$insert into store.hidden values ('unseen')$$;
  create function store.plan(month int) returns void language sql as $$insert into store.months values (plan.month, 'bolt')$$;
  create function store.insert_late(id int, stock text) returns void language sql as
    'insert into store.late values (insert_late.id, insert_late.stock)';
  create function store.by_chance() returns float8 language sql volatile as
    'insert into store.log values (repeat(''x'', (random() * 100000)::int)); select 1::float8';
  create function store.never_the_same() returns int language plpgsql as $$
    declare v int := (select count(*) from store.log);
    begin
      if nextval('store.turns') % 7 < 3 then delete from store.log; end if;
      return v;
    end $$;
  create sequence store.turns;
  create function store.wear_out(note text) returns text language sql as $$
    insert into store.log values (wear_out.note);
    select case when nextval('store.turns') <= 4 then 'whole' else 'worn' end $$;
  grant usage, update on sequence store.turns to howdah_app;
  create function store.take_behind_a_lock(item text, pieces int, lock int) returns int language plpgsql as $$
    declare v int := store.take(item, pieces);
    begin perform pg_advisory_xact_lock_shared(lock); return v; end $$;`;

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  const { pool } = database;
  await pool.query(WAREHOUSE);
  await pool.query(
    `select howdah.register_sql_tool(p.oid::regprocedure::text)
     from pg_proc as p where p.pronamespace = 'store'::regnamespace and p.prorettype <> 'trigger'::regtype`,
  );
  await pool.query(`update howdah.tools set requires_approval = true where kind = 'sql'`);
  worker = await startTestWorker(database.url);
});
beforeEach(async () => {
  await database.pool.query(
    `truncate store.stock, store.orders, store.lines, store.log, store.own, store.months, store.late;
     insert into store.stock (item, pieces) values ('bolt', 10), ('nut', 5)`,
  );
});
afterEach(async () => {
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await worker.stop(0);
});

type Approval = { id: string; prompt: string; preview: Preview | null; tool_call: JsonObject };

/** Starts a run that makes one call and answers `ok`. */
async function begin(name: string, args: JsonObject = {}): Promise<string> {
  const { pool } = database;
  const script = [callTools({ name, arguments: args }), { content: 'ok' }];
  return insertRun(pool, await makeAgent(pool, { script, tools: [name] }));
}

/** Returns the question that a run asks after an earlier one was answered. */
async function nextApproval(run: string): Promise<Approval> {
  return eventually<Approval>(
    database.pool,
    'it is asked again',
    `select q.* from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
     where q.execution_id = $1 and q.status = 'open' and e.waiting_for = 'question'
       and exists (select from howdah.questions where execution_id = $1 and status = 'answered')`,
    [run],
  );
}

/** Returns the result of replaying the run. */
async function replayExport(run: string) {
  const { rows } = await database.pool.query('select howdah.export_run($1) as run', [run]);
  return replayRun(rows[0].run);
}

/** Returns the open question of a run once the run waits for it. */
async function waitForApproval(run: string): Promise<Approval> {
  return eventually<Approval>(
    database.pool,
    `run ${run} asks`,
    `select q.id, q.prompt, q.preview, q.tool_call from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
     where q.execution_id = $1 and q.status = 'open' and e.waiting_for = 'question'`,
    [run],
  );
}

const approve = (id: string, args?: JsonObject) =>
  database.pool.query('select howdah.approve($1, arguments => $2)', [
    id,
    args ? JSON.stringify(args) : null,
  ]);
const one = async (text: string) => (await database.pool.query(text)).rows[0];
const pieces = async (item = 'bolt') =>
  (await one(`select pieces from store.stock where item = '${item}'`)).pieces;
/** Returns the preview shown with the question, and approves the call. */
async function approveAndReturnPreview(run: string): Promise<Preview> {
  const { id, preview } = await waitForApproval(run);
  await approve(id);
  expect((await waitForEnd(database.pool, run)).status).toBe('completed');
  return preview as Preview;
}

describe('a call that requires approval is tried, rolled back and shown', () => {
  test('with the rows before and after; the approval makes it happen once', async () => {
    const run = await begin('take', { item: 'bolt', pieces: 3 });
    const { id, preview, prompt } = await waitForApproval(run);
    expect(await pieces()).toBe(10);
    expect(prompt).toBe('Approve take({"item":"bolt","pieces":3})?');
    expect(preview).toMatchObject({
      result: '7',
      altered: [],
      new_each_time: ['store.stock.touched_at'],
      tables: [
        {
          ...{ table: 'store.stock', inserted: 0, updated: 1, deleted: 0, more_rows: 0 },
          rows: [{ before: { item: 'bolt', pieces: 10 }, after: { item: 'bolt', pieces: 7 } }],
        },
      ],
    });
    await approve(id);
    expect((await waitForEnd(database.pool, run)).status).toBe('completed');
    expect(await pieces()).toBe(7);
    expect(await kindsOf(database.pool, run)).toBe('model question answer tool model output');
    expect(await resultsOf(database.pool, run)).toEqual(['7']);
  });

  test('leaves nothing when rejected', async () => {
    const run = await begin('order_item', { item: 'bolt', pieces: 3 });
    const { id } = await waitForApproval(run);
    await database.pool.query('select howdah.reject($1)', [id]);
    await waitForEnd(database.pool, run);
    expect(await pieces()).toBe(10);
    expect(await one('select count(*)::int as n from store.orders')).toEqual({ n: 0 });
  });

  test('excludes generated keys, times and random values from the comparison', async () => {
    const preview = await approveAndReturnPreview(
      await begin('order_item', { item: 'nut', pieces: 2 }),
    );
    expect([...preview.new_each_time].sort()).toEqual([
      'result.at',
      'result.chance',
      'result.id',
      'store.lines.order_id',
      'store.orders.id',
      'store.orders.made_at',
      'store.orders.no',
      'store.stock.touched_at',
    ]);
    expect(
      preview.tables.map(({ table, inserted, updated }) => [table, inserted, updated]),
    ).toEqual([
      ['store.lines', 1, 0],
      ['store.orders', 1, 0],
      ['store.stock', 0, 1],
    ]);
    expect(await one('select item, pieces from store.orders')).toEqual({ item: 'nut', pieces: 2 });
  });

  test('shows deleted rows, cascades included, but not rows that were only locked', async () => {
    await database.pool.query(`insert into store.orders (item, pieces) values ('bolt', 1), ('nut', 2);
      insert into store.lines select id, 'of ' || item from store.orders`);
    const preview = await approveAndReturnPreview(await begin('clear', { item: 'bolt' }));
    expect(preview.tables).toMatchObject([
      { table: 'store.lines', deleted: 1, rows: [{ before: { note: 'of bolt' } }] },
      { table: 'store.orders', deleted: 1, rows: [{ before: { item: 'bolt' } }] },
    ]);
    expect(preview.tables.flatMap(({ rows }) => rows.filter(({ after }) => after))).toEqual([]);
    expect(await one('select count(*)::int as n from store.orders')).toEqual({ n: 1 });
  });

  test('ignores a write in a block that failed', async () => {
    const { tables } = await approveAndReturnPreview(
      await begin('order_item', { item: 'nut', pieces: 6 }),
    );
    const rows = tables.filter((table) => table.rows.length > 0).map(({ table }) => table);
    expect(rows).toEqual(['store.lines', 'store.log', 'store.orders']);
    expect(await pieces('nut')).toBe(5);
  });

  test('shows a partitioned table as one', async () => {
    const { tables } = await approveAndReturnPreview(await begin('plan', { month: 9 }));
    expect(tables).toMatchObject([
      { table: 'store.months', inserted: 1, rows: [{ after: { month: 9, item: 'bolt' } }] },
    ]);
  });

  test('runs deferred constraints, which reject the call before a person is asked', async () => {
    const { tables } = await approveAndReturnPreview(
      await begin('insert_late', { id: 1, stock: 'bolt' }),
    );
    expect(tables.map(({ table }) => table)).toEqual(['store.late', 'store.log']);
    const run = await begin('insert_late', { id: 2, stock: 'nothing' });
    expect((await waitForEnd(database.pool, run)).status).toBe('completed');
    const [result] = await resultsOf(database.pool, run);
    expect(JSON.parse(result as string).error.details).toMatchObject({ sqlstate: '23503' });
    expect(await kindsOf(database.pool, run)).toBe('model tool model output');
  });

  test('a call that fails is an error for the model, and no person is asked', async () => {
    const run = await begin('fail');
    await waitForEnd(database.pool, run);
    const [result] = await resultsOf(database.pool, run);
    expect(JSON.parse(result as string).error).toMatchObject({
      message: 'out of stock',
      details: { hint: 'Order less.' },
    });
    expect(await one('select count(*)::int as n from store.log')).toEqual({ n: 0 });
    expect(
      (await database.pool.query('select from howdah.questions where execution_id = $1', [run]))
        .rowCount,
    ).toBe(0);
  });

  test('shows the first of many rows, and the number of the others', async () => {
    const preview = await approveAndReturnPreview(await begin('fill', { pieces: 1 }));
    const [table] = preview.tables;
    expect(table).toMatchObject({ inserted: 2000, left_out: 'rows' });
    expect(table?.rows).toHaveLength(20);
    expect(JSON.stringify(preview).length).toBeLessThan(40_000);
  });
});

describe('rows without read permission are not shown', () => {
  test('rows of another tenant are left out, whatever the call does', async () => {
    await database.pool.query(
      `insert into howdah.tenants (slug, name) values ('other', 'Other');
       insert into store.own select id, 'theirs', 1 from howdah.tenants where slug = 'other'`,
    );
    const { tables } = await approveAndReturnPreview(await begin('own_word', { word: 'mine' }));
    expect(tables).toMatchObject([
      { table: 'store.own', rows: [{ after: { word: 'mine', n: 1 } }] },
    ]);
    expect(JSON.stringify(tables)).not.toContain('theirs');
  });

  test('for a table without read permission people are informed that it is not compared', async () => {
    const { id, prompt } = await waitForApproval(await begin('write_hidden'));
    expect(prompt).toMatch(
      /Not all changes in store\.hidden are shown, and only their number is checked again/,
    );
    await approve(id);
    const approval = await waitForApproval(await begin('take', { item: 'bolt', pieces: 1 }));
    expect(approval.prompt).not.toContain('Not all changes');
    await approve(approval.id);
  });

  test('a table without read permission is shown as a count', async () => {
    const { tables } = await approveAndReturnPreview(await begin('write_hidden'));
    expect(tables).toEqual([
      {
        ...{ table: 'store.hidden', inserted: 1, updated: 0, deleted: 0 },
        ...{ rows: [], more_rows: 0, left_out: 'rights' },
      },
    ]);
  });
});

describe('a call that differs from its trial is not committed', () => {
  test('the second of two calls on the same row is asked about again', async () => {
    const runs = [
      await begin('take', { item: 'bolt', pieces: 4 }),
      await begin('take', { item: 'bolt', pieces: 4 }),
    ];
    const approvals = await Promise.all(runs.map(waitForApproval));
    await approve(approvals[0]?.id as string);
    await waitForEnd(database.pool, runs[0] as string);
    await approve(approvals[1]?.id as string);
    const again = await eventually<Approval>(
      database.pool,
      'it is asked again',
      `select q.* from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
       where q.execution_id = $1 and q.status = 'open' and e.waiting_for = 'question'`,
      [runs[1]],
    );
    expect(await pieces()).toBe(6);
    expect(again.prompt).toContain('effect has changed since the last preview');
    expect(again.preview?.tables[0]?.rows).toMatchObject([
      { before: { pieces: 6 }, after: { pieces: 2 } },
    ]);
    await approve(again.id);
    await waitForEnd(database.pool, runs[1] as string);
    expect(await pieces()).toBe(2);
    expect(await kindsOf(database.pool, runs[1] as string)).toBe(
      'model question answer question answer tool model output',
    );
  });

  test('a call is asked about again when only the row before has changed', async () => {
    const run = await begin('set_pieces', { item: 'bolt', pieces: 1 });
    const { id } = await waitForApproval(run);
    await database.pool.query(`update store.stock set pieces = 99 where item = 'bolt'`);
    await approve(id);
    const again = await eventually<Approval>(
      database.pool,
      'it is asked again',
      `select * from howdah.questions where execution_id = $1 and status = 'open'`,
      [run],
    );
    expect(again.preview?.tables[0]?.rows).toMatchObject([
      { before: { pieces: 99 }, after: { pieces: 1 } },
    ]);
    await approve(again.id);
    await waitForEnd(database.pool, run);
    expect(await pieces()).toBe(1);
  });

  test('edited arguments are tried, and not asked about again', async () => {
    const run = await begin('take', { item: 'bolt', pieces: 3 });
    await approve((await waitForApproval(run)).id, { item: 'bolt', pieces: 5 });
    await waitForEnd(database.pool, run);
    expect(await pieces()).toBe(5);
    expect(await kindsOf(database.pool, run)).toBe('model question answer tool model output');
    const [step] = (await stepsOf(database.pool, run)).filter(({ kind }) => kind === 'tool');
    expect(step).toMatchObject({ input: { item: 'bolt', pieces: 5 }, output: 5 });
    expect(await replayExport(run)).toMatchObject({ equal: true });
  });

  test('edited arguments equal to those shown are compared with the preview', async () => {
    const run = await begin('take', { item: 'bolt', pieces: 3 });
    const { id } = await waitForApproval(run);
    await database.pool.query(`update store.stock set pieces = 99 where item = 'bolt'`);
    await approve(id, { pieces: 3, item: 'bolt' });
    const again = await nextApproval(run);
    expect(again.preview?.result).toBe('96');
    await approve(again.id);
    await waitForEnd(database.pool, run);
    expect(await pieces()).toBe(96);
  });

  test('edited arguments are asked about when the call differs from its trial', async () => {
    await database.pool.query('alter sequence store.turns restart');
    const run = await begin('wear_out', { note: 'first' }); // previewed in turns 1 and 2
    // previewed in turns 3 and 4, called in 5
    await approve((await waitForApproval(run)).id, { note: 'second' });
    const again = await nextApproval(run);
    expect(again).toMatchObject({
      prompt: expect.stringContaining('effect has changed since the last preview'),
      tool_call: { arguments: { note: 'second' } },
      preview: { result: '"worn"' },
    });
    expect((await database.pool.query('select from store.log')).rowCount).toBe(0);
    await approve(again.id);
    await waitForEnd(database.pool, run);
    expect((await database.pool.query('select what from store.log')).rows).toEqual([
      { what: 'second' },
    ]);
    expect(await replayExport(run)).toMatchObject({ equal: true });
  });

  test('edited arguments that fail are an error for the model', async () => {
    const run = await begin('take', { item: 'bolt', pieces: 3 });
    await approve((await waitForApproval(run)).id, { item: 'bolt', pieces: 11 });
    await waitForEnd(database.pool, run);
    expect(await pieces()).toBe(10);
    const [result] = await resultsOf(database.pool, run);
    expect(JSON.parse(result as string).error).toMatchObject({ code: 'tool_failed' });
  });

  test('asks at most three times', async () => {
    const run = await begin('take', { item: 'bolt', pieces: 1 });
    for (let round = 1; round <= 3; round += 1) {
      const { id } = await waitForApproval(run);
      await database.pool.query(`update store.stock set pieces = pieces + 10 where item = 'bolt'`);
      await approve(id);
      await eventually(
        database.pool,
        `question ${id} is dealt with`,
        `select from howdah.executions as e where e.id = $1 and (e.completed_at is not null or (e.waiting_for = 'question'
           and exists (select from howdah.questions where execution_id = $1 and status = 'open')))`,
        [run],
      );
    }
    await waitForEnd(database.pool, run);
    const [result] = await resultsOf(database.pool, run);
    expect(JSON.parse(result as string).error).toMatchObject({
      code: 'rejected',
      message: expect.stringContaining('approved 3 times'),
    });
    expect(await pieces()).toBe(40);
  });

  test('approval of one call does not apply to the next, after a manual retry', async () => {
    const run = await begin('take', { item: 'bolt', pieces: 2 });
    const { id: first } = await waitForApproval(run);
    await database.pool.query(`update store.stock set pieces = 12 where item = 'bolt'`);
    await approve(first);
    await nextApproval(run);
    await database.pool.query(`update store.stock set pieces = 10 where item = 'bolt'`);
    await waitForApproval(run);
    await database.pool.query('select howdah.cancel_execution($1)', [run]);
    await database.pool.query('select howdah.retry_execution($1)', [run]);
    const { id, preview } = await waitForApproval(run);
    expect(await pieces()).toBe(10);
    expect(preview?.result).toBe('8');
    await approve(id);
    await waitForEnd(database.pool, run);
    expect(await pieces()).toBe(8);
  });
});

/**
 * Runs `work` while a change of another transaction is visible, and undoes the change afterwards.
 */
async function withConcurrentChange(statement: string, work: () => Promise<void>): Promise<void> {
  const other = await database.pool.connect();
  try {
    await other.query('begin');
    await other.query(statement);
    await work();
  } finally {
    await other.query('rollback');
    other.release();
  }
}

test('rows locked by another transaction are not attributed to the call', async () => {
  await withConcurrentChange(`update store.stock set pieces = 1 where item = 'nut'`, async () => {
    const run = await begin('take', { item: 'bolt', pieces: 1 });
    const { id, preview } = await waitForApproval(run);
    expect(preview?.tables[0]?.rows.map(({ before }) => before?.item)).toEqual(['bolt']);
    await approve(id);
    await waitForEnd(database.pool, run);
  });
  expect(await pieces()).toBe(9);
});

test('a row whose key another session locks is still detected', async () => {
  await withConcurrentChange(
    `select from store.stock where item = 'bolt' for key share`,
    async () => {
      const run = await begin('take', { item: 'bolt', pieces: 1 });
      const { preview, id } = await waitForApproval(run);
      expect(preview?.tables[0]?.rows).toMatchObject([
        { before: { pieces: 10 }, after: { pieces: 9 } },
      ]);
      await approve(id);
      await waitForEnd(database.pool, run);
    },
  );
});

test('a row that several sessions lock between the call and the check is still detected', async () => {
  const LOCK_ROW = `select from store.stock where item = $1 for key share`;
  await withConcurrentChange(`select from store.stock for key share`, async () => {
    const us = await database.pool.connect();
    try {
      await us.query('begin');
      const { rows: before } = await us.query(`select mxid_age('1') as lists`);
      const release = await takeLock(database.pool, 78);
      const called = us.query(
        `with called as materialized (select store.take_behind_a_lock('bolt', 1, 78))
         select howdah_private.touched_rows(jsonb_build_object('relation', s.oid, 'schema', 'store', 'name', 'stock',
           'parts', jsonb_build_array(s.oid)), 'xmax', $1, 9, 9999) #> '{rows,0,row}' as row
         from called, (select 'store.stock'::regclass::oid) as s (oid)`,
        [before[0].lists],
      );
      await waitForWaitingTools(database.pool, 78);
      await database.pool.query(LOCK_ROW, ['nut']);
      await release();
      expect((await called).rows[0].row).toMatchObject({ item: 'bolt', pieces: 10 });
    } finally {
      await us.query('rollback');
      us.release();
    }
  });
});

test('a change made while the approved call is running is detected', async () => {
  const run = await begin('take_behind_a_lock', { item: 'bolt', pieces: 1, lock: 77 });
  const { id } = await waitForApproval(run);
  const release = await takeLock(database.pool, 77);
  const other = await database.pool.connect();
  try {
    await other.query('begin');
    await other.query(`update store.stock set pieces = 20 where item = 'bolt'`);
    await approve(id);
    await eventually(
      database.pool,
      'the call waits for the row',
      `select from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and application_name = 'howdah-tools'`,
    );
    await other.query('commit');
  } finally {
    other.release(true);
  }
  await waitForWaitingTools(database.pool, 77);
  await release();
  const again = await eventually<Approval>(
    database.pool,
    'it is asked again',
    `select * from howdah.questions where execution_id = $1 and status = 'open'`,
    [run],
  );
  expect(await pieces()).toBe(20);
  expect(again.preview?.result).toBe('19');
  await approve(again.id);
  await waitForEnd(database.pool, run);
});

test('a tool may require approval without a trial', async () => {
  await database.pool.query(
    `update howdah.tools set configuration = configuration || '{"dry_run": false}' where name = 'never_the_same'`,
  );
  const run = await begin('never_the_same');
  const { id, preview } = await waitForApproval(run);
  expect(preview).toBeNull();
  await approve(id);
  expect((await waitForEnd(database.pool, run)).status).toBe('completed');
  await expect(
    database.pool.query(
      `update howdah.tools set configuration = configuration || '{"dry_run": "no"}' where name = 'never_the_same'`,
    ),
  ).rejects.toMatchObject({ code: 'HWINV', hint: '{"dry_run": false}' });
});

test('a function in an untrusted language is not tried, as it cannot be rolled back', async () => {
  const { pool } = database;
  await pool.query(
    `create function store.plus(a int, b int) returns int language internal strict as 'int4pl';
     select howdah.register_sql_tool('store.plus(int, int)');
     update howdah.tools set requires_approval = true where name = 'plus'`,
  );
  const run = await begin('plus', { a: 1, b: 2 });
  const { id, preview } = await waitForApproval(run);
  expect(preview).toBeNull();
  await approve(id);
  await waitForEnd(pool, run);
  expect(await resultsOf(pool, run)).toEqual(['3']);
});

test('a run that asked twice is replayed identically', async () => {
  const run = await begin('take', { item: 'bolt', pieces: 3 });
  const { id } = await waitForApproval(run);
  await database.pool.query(`update store.stock set pieces = 20 where item = 'bolt'`);
  await approve(id);
  await approve((await nextApproval(run)).id);
  await waitForEnd(database.pool, run);
  expect(await replayExport(run)).toMatchObject({ equal: true });
  const questions = (await stepsOf(database.pool, run)).filter(({ kind }) => kind === 'question');
  expect(questions).toHaveLength(2);
});

test('the commands show the preview', async () => {
  const { pool } = database;
  const script = [
    callTools({ name: 'take', arguments: { item: 'bolt', pieces: 3 } }),
    { content: 'ok' },
  ];
  const agent = await makeAgent(pool, { script, tools: ['take'] });
  const { rows } = await pool.query('select name from howdah.agents where id = $1', [agent]);
  const { stderr, status } = await runCli(database.url, 'run', rows[0].name, 'Hi');
  expect(status).toBe(7);
  expect(stderr).toContain('  it would return 7 and change 1 updated in store.stock\n');
  expect(stderr).toMatch(
    / - store.stock \{"item":"bolt","pieces":10,.*\n +\+ store.stock \{"pieces":7,/,
  );
  const { stdout } = await runCli(database.url, 'questions');
  expect(stdout).toContain('→ 1 updated in store.stock');
});

test('the preview is erased with the contents of the run', async () => {
  const word = `canary ${randomBytes(4).toString('hex')}`;
  const run = await begin('own_word', { word });
  await approveAndReturnPreview(run);
  await database.pool.query('select howdah_private.erase_runs(array[$1::uuid])', [run]);
  const { rows } = await database.pool.query(
    `select from howdah.questions as q where strpos(q::text, $1) > 0
     union all select from howdah.steps as s where strpos(s::text, $1) > 0`,
    [word],
  );
  expect(rows).toEqual([]);
});
