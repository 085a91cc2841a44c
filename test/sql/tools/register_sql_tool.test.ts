import { beforeAll, describe, expect, test } from 'vitest';
import { eventually, testDatabase } from '../../support/database.ts';
import { all, asRole, one, refusal, rolledBack } from '../support.ts';

describe('register_sql_tool', () => {
  const db = testDatabase();

  beforeAll(async () => {
    await db.pool.query(`
      create schema shop;
      create type shop.size as enum ('small', 'large');
      create domain shop.order_id as text check (value ~ '^A-');
      create domain shop.sizes as shop.size[];
      create type shop.point as (x int, y int);
      create function shop.order_status(order_id text) returns text
        language sql stable return 'shipped';
      comment on function shop.order_status(text) is 'Where an order is.';
      create function shop.every_type(
        a int, b bigint, c smallint, d numeric, e double precision, f boolean, g text, h varchar, i uuid,
        j date, k timestamptz, l jsonb, m text[], n shop.size, o shop.order_id, p shop.sizes, q shop.point,
        r int[]
      ) returns text language sql immutable return 'x';
      create function shop.defaults(a text, b int default 1, c text default null) returns text
        language sql volatile return 'x';
      create function shop.no_arguments() returns text language sql stable return 'x';
      create function shop.list(customer text) returns setof text
        language sql stable begin atomic select 'x'; end;
      create function shop.table_of(customer text) returns table (id int, name text)
        language sql stable begin atomic select 1, 'x'; end;
      create function shop.with_out(a text, out b text, inout c int) language sql stable
        as $$ select 'x', 1 $$;
      create procedure shop.a_procedure(a text) language sql begin atomic select 1; end;
      create function shop.unnamed(text) returns text language sql return 'x';
      create function shop.half_named(a text, int) returns text language sql return 'x';
      create function shop.hidden_unnamed(out total int, text) language sql return 1;
      create function shop.open_end(variadic a text[]) returns text language sql return 'x';
      create function shop."has space"(a text) returns text language sql return 'x';
      create aggregate shop.total(int) (sfunc = int4pl, stype = int);
    `);
  });

  const register = (signature: string) =>
    one(db.pool, 'select * from howdah.register_sql_tool($1)', [signature]);
  const refused = (signature: string) => refusal(register(signature));

  test('describes a function from the catalog', async () => {
    expect(await register('shop.order_status(text)')).toMatchObject({
      name: 'order_status',
      kind: 'sql',
      description: 'Where an order is.',
      effect: 'pure',
      parameters: {
        type: 'object',
        additionalProperties: false,
        properties: { order_id: { type: 'string' } },
        required: ['order_id'],
      },
      configuration: {
        schema: 'shop',
        function: 'order_status',
        signature: 'shop.order_status(text)',
        arguments: [{ name: 'order_id', type: 'text', optional: false }],
        returns_set: false,
      },
    });
  });

  describe('warns of what howdah_app may not use', () => {
    beforeAll(() =>
      db.pool.query(`
        create schema depot;
        create table depot.orders (id text, note text);
        create table depot.public_orders (id text);
        create table depot.partly (id text, secret text);
        create table depot."Odd name" (id text);
        create view depot.open_orders as select id from depot.orders;
        grant select on depot.public_orders to howdah_app;
        grant select (id) on depot.partly to howdah_app;
        create function shop.parsed(a text) returns bigint language sql stable
          begin atomic select count(*) from depot.orders, depot.public_orders, depot.partly; end;
        create function shop.of_text(a text) returns bigint language sql stable as $f$
          -- it isn't from depot.partly
          select count(*) from depot.public_orders as p join depot.open_orders as o using (id)
          where p.id <> 'from depot.orders' and o.id in (select id from depot."Odd name") $f$;
        create function shop.writes(a text) returns void language plpgsql
          set search_path = depot, pg_temp as $f$
          begin
            insert into orders (id) values (a);
            update orders set note = a where id = a;
            delete from "Odd name" as d where d.id = a;
          end $f$;
        create function shop.returns_row(a text) returns depot.orders language sql
          begin atomic insert into depot.orders (id) values (a) returning *; end;
        create table depot.counts (id text primary key, n int);
        create function shop.upserts(a text) returns void language sql as $f$
          insert into depot.counts as c (id, n) values (a, 1)
          on conflict (id) do update set n = c.n + 1 $f$;
        create function shop.as_owner(a text) returns bigint language sql stable security definer
          begin atomic select count(*) from depot.orders; end;
      `),
    );

    const USAGE = 'grant usage on schema depot to howdah_app';
    const warnings = (signature: string) =>
      rolledBack(db.pool, async (client) => {
        const found: (string | undefined)[] = [];
        const listen = (notice: { severity?: string | undefined; hint?: string | undefined }) => {
          if (notice.severity === 'WARNING') found.push(notice.hint);
        };
        client.on('notice', listen);
        await client.query('select howdah.register_sql_tool($1)', [signature]);
        const first = [...found];
        for (const hint of first) await client.query(hint ?? '');
        await client.query('select howdah.register_sql_tool($1)', [signature]);
        client.off('notice', listen);
        await client.query('grant usage on schema shop to howdah_app; set local role howdah_app');
        await client.query(`select ${signature.replace('(text)', `('a')`)}`); // the grants suffice
        return { first, afterGrants: found.slice(first.length) };
      });

    test.each([
      ['shop.parsed(text)', [USAGE, 'grant select on depot.orders to howdah_app']],
      [
        'shop.of_text(text)',
        [
          USAGE,
          'grant select on depot."Odd name" to howdah_app',
          'grant select on depot.open_orders to howdah_app',
        ],
      ],
      [
        'shop.writes(text)',
        [
          USAGE,
          'grant delete, select on depot."Odd name" to howdah_app',
          'grant insert, select, update on depot.orders to howdah_app',
        ],
      ],
      ['shop.returns_row(text)', [USAGE, 'grant insert, select on depot.orders to howdah_app']],
      ['shop.upserts(text)', [USAGE, 'grant insert, select, update on depot.counts to howdah_app']],
    ])('%s', async (signature, grants) => {
      expect(await warnings(signature)).toEqual({
        first: [`${grants.join('; ')};`],
        afterGrants: [],
      });
    });

    test.each(['shop.as_owner(text)', 'shop.order_status(text)'])(
      '%s needs nothing',
      async (signature) => {
        expect((await warnings(signature)).first).toEqual([]);
      },
    );
  });

  test('maps every common type to JSON Schema', async () => {
    const types = `int, bigint, smallint, numeric, double precision, boolean, text, varchar, uuid, date,
      timestamptz, jsonb, text[], shop.size, shop.order_id, shop.sizes, shop.point, int[]`;
    const tool = await register(`shop.every_type(${types})`);
    const size = { type: 'string', enum: ['small', 'large'] };
    expect(tool.parameters.properties).toEqual({
      a: { type: 'integer' },
      b: { type: 'integer' },
      c: { type: 'integer' },
      d: { type: 'number' },
      e: { type: 'number' },
      f: { type: 'boolean' },
      g: { type: 'string' },
      h: { type: 'string' },
      i: { type: 'string', format: 'uuid' },
      j: { type: 'string', format: 'date' },
      k: { type: 'string', description: expect.stringContaining('ISO 8601') },
      l: {},
      m: { type: 'array', items: { type: 'string' } },
      n: size,
      o: { type: 'string' },
      p: { type: 'array', items: size },
      q: { type: 'object' },
      r: { type: 'array', items: { type: 'integer' } },
    });
    expect(tool.configuration.arguments.map((a: { type: string }) => a.type)).toEqual([
      'integer',
      'bigint',
      'smallint',
      'numeric',
      'double precision',
      'boolean',
      'text',
      'character varying',
      'uuid',
      'date',
      'timestamp with time zone',
      'jsonb',
      'text[]',
      'shop.size',
      'shop.order_id',
      'shop.sizes',
      'shop.point',
      'integer[]',
    ]);
  });

  test('treats arguments with defaults as optional and a volatile function as effect once', async () => {
    expect(await register('shop.defaults(text, int, text)')).toMatchObject({
      effect: 'once',
      parameters: { required: ['a'] },
      configuration: {
        arguments: [
          { name: 'a', optional: false },
          { name: 'b', optional: true },
          { name: 'c', optional: true },
        ],
      },
    });
  });

  test('accepts functions without arguments', async () => {
    expect(await register('shop.no_arguments()')).toMatchObject({
      parameters: { type: 'object', properties: {}, required: [] },
      configuration: { arguments: [] },
    });
  });

  test('accepts functions that return many rows', async () => {
    expect(await register('shop.list(text)')).toMatchObject({
      configuration: { returns_set: true },
    });
    expect(await register('shop.table_of(text)')).toMatchObject({
      parameters: { properties: { customer: { type: 'string' } } },
      configuration: {
        returns_set: true,
        arguments: [{ name: 'customer', type: 'text', optional: false }],
      },
    });
  });

  test('includes only input arguments in the parameters', async () => {
    expect(await register('shop.with_out(text, int)')).toMatchObject({
      parameters: {
        properties: { a: { type: 'string' }, c: { type: 'integer' } },
        required: ['a', 'c'],
      },
    });
  });

  test('grants the application the right to call the function, and nothing else', async () => {
    await register('shop.order_status(text)');
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      expect(await one(client, `select shop.order_status('A-1') as status`)).toEqual({
        status: 'shipped',
      });
    });
    expect(
      await one(
        db.pool,
        `select has_function_privilege('howdah_app', 'shop.order_status(text)', 'execute') as f,
           has_schema_privilege('howdah_app', 'shop', 'usage') as u,
           has_schema_privilege('howdah_app', 'shop', 'create') as c`,
      ),
    ).toEqual({ f: true, u: true, c: false });
  });

  test('updates what changed and keeps the tool on a second call', async () => {
    await rolledBack(db.pool, async (client) => {
      const call = `select * from howdah.register_sql_tool('shop.order_status(text)')`;
      const before = await one(client, call);
      await client.query(`comment on function shop.order_status(text) is 'Said anew.'`);
      await client.query('alter function shop.order_status(text) volatile');
      await client.query('update howdah.tools set timeout_ms = 5 where id = $1', [before.id]);
      expect(await one(client, call)).toMatchObject({
        id: before.id,
        description: 'Said anew.',
        effect: 'once',
        timeout_ms: 5,
      });
    });
  });

  test.each([
    ['pg_catalog.pg_sleep(double precision)', 'it is in a system schema'],
    ['pg_catalog.pg_read_file(text)', 'it is in a system schema'],
    ['information_schema._pg_char_max_length(oid, integer)', 'it is in a system schema'],
    ['howdah_private.heartbeat(uuid)', 'it is in a system schema'],
    ['graphile_worker.remove_job(text)', 'it is in a system schema'],
    ['howdah.cancel_execution(uuid)', 'functions of Howdah cannot be tools'],
    ['shop.a_procedure(text)', 'it is not a plain function'],
    ['shop.total(int)', 'it is not a plain function'],
    ['shop.unnamed(text)', 'an argument has no name'],
    ['shop.half_named(text, int)', 'an argument has no name'],
    ['shop.hidden_unnamed(text)', 'an argument has no name'],
    ['shop.open_end(text[])', 'it is variadic'],
    ['shop."has space"(text)', 'its name does not match'],
  ])('rejects %s: %s', async (signature, reason) => {
    const refusal = await refused(signature);
    expect(refusal).toMatchObject({ code: 'HWINV', message: expect.stringContaining(reason) });
    expect(refusal.fields).toHaveProperty('function');
    expect(refusal.hint).toBeTruthy();
  });

  test('rejects a misspelt signature and suggests the likely one', async () => {
    const wrong = await refused('shop.order_status(int)');
    expect(wrong).toMatchObject({
      code: 'HWNTF',
      fields: { signature: 'shop.order_status(int)' },
      hint: 'Did you mean shop.order_status(text)?',
    });
    expect(await refused('shop.nothing(text)')).toMatchObject({
      code: 'HWNTF',
      hint: expect.stringContaining('schema and argument types'),
    });
    expect(await refused('order_status(text)')).toMatchObject({
      code: 'HWNTF',
      hint: 'Did you mean shop.order_status(text)?',
    });
  });

  test.each([
    'shop.order_status',
    'shop.order_status(',
    '',
    'x; drop table howdah.tools',
    'a.b.c.d(text)',
    'shop."open(text)',
    'shop.order_status(nosuch.type)',
  ])('reports %j as not found and executes no part of it', async (signature) => {
    expect(await refused(signature)).toMatchObject({
      code: 'HWNTF',
      fields: { signature },
    });
  });

  test('does not replace a tool of another kind with the same name', async () => {
    await rolledBack(db.pool, async (client) => {
      await client.query(`insert into howdah.tools (name, kind) values ('every_kind', 'custom')`);
      await client.query(
        `create function shop.every_kind(a text) returns text language sql stable return 'x'`,
      );
      expect(
        await refusal(client.query(`select howdah.register_sql_tool('shop.every_kind(text)')`)),
      ).toMatchObject({ code: 'HWCNF', fields: { tool: 'every_kind' } });
    });
  });

  test('is for owners only, also by a plain insert or update', async () => {
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      expect(
        await refusal(client.query(`select howdah.register_sql_tool('shop.order_status(text)')`)),
      ).toMatchObject({ code: '42501' });
    });
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      expect(
        await refusal(client.query(`insert into howdah.tools (name, kind) values ('mine', 'sql')`)),
      ).toMatchObject({
        code: 'HWDEN',
        message: 'only an owner of the database may write SQL tools',
      });
    });
    await register('shop.order_status(text)');
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      const forged = `update howdah.tools set configuration = '{"schema": "pg_catalog"}' where kind = 'sql'`;
      expect(await refusal(client.query(forged))).toMatchObject({ code: 'HWDEN' });
    });
    await rolledBack(db.pool, async (client) => {
      await client.query('grant execute on function howdah.register_sql_tool(text) to howdah_app');
      await client.query('set local role howdah_app');
      expect(
        await refusal(client.query(`select howdah.register_sql_tool('shop.order_status(text)')`)),
      ).toMatchObject({ code: 'HWDEN', message: 'only an owner may register SQL tools' });
    });
  });

  test.each([
    ['{}', 'schema is missing'],
    ['{"schema": "shop", "function": "order_status"}', 'arguments is missing'],
    ['{"schema": "shop", "function": 7, "arguments": []}', 'function'],
    ['{"schema": "shop", "function": "f", "arguments": [{"name": "id"}]}', 'arguments[0]'],
  ])('rejects a hand-written row with the configuration %s', async (configuration, fault) => {
    const { id } = await register('shop.order_status(text)');
    const refused = {
      code: 'HWINV',
      message: expect.stringContaining(fault),
      detail: expect.stringContaining('"field": "configuration"'),
      hint: expect.stringContaining('howdah.register_sql_tool('),
    };
    for (const [text, values] of [
      [`insert into howdah.tools (name, kind, configuration) values ('sq1', 'sql', $1)`, []],
      ['update howdah.tools set configuration = $1 where id = $2', [id]],
    ] as const) {
      expect(await refusal(db.pool.query(text, [configuration, ...values]))).toMatchObject(refused);
    }
  });

  test('waits for another registration, and watches and hooks wait too', async () => {
    const first = await db.pool.connect();
    try {
      await first.query('begin');
      await first.query(`select howdah.register_sql_tool('shop.order_status(text)')`);
      const second = register('shop.defaults(text, int, text)');
      await eventually(
        db.pool,
        'the second registration waits for the lock of rights',
        `select from pg_stat_activity where wait_event_type = 'Lock' and wait_event = 'advisory'
           and datname = current_database()`,
      );
      await first.query('commit');
      expect(await second).toMatchObject({ id: expect.any(String) });
    } finally {
      first.release();
    }
  });

  test('leaves no grant behind for a rejected function', async () => {
    await refused('shop.unnamed(text)');
    expect(
      await all(
        db.pool,
        `select 1 from pg_proc as p, aclexplode(p.proacl) as a
         where p.oid = 'shop.unnamed(text)'::regprocedure and a.grantee = 'howdah_app'::regrole`,
      ),
    ).toEqual([]);
  });
});
