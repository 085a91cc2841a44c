import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { asRole } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { changes, faultsOf, newTenant } from './support.ts';

const database = testDatabase();

/** Returns a new name for a system. Its functions get a schema of that name. */
const named = () => `pack_${randomBytes(5).toString('hex')}`;
const half = (name: string, body = 'n / 2', returns = 'numeric') => ({
  definition: `create function ${name}.half(n numeric) returns ${returns} language sql immutable as $$ select ${body} $$`,
  comment: 'Half of it.',
});
const system = (name: string, functions: object, rest: object = {}) => ({
  version: 'v1',
  name,
  functions,
  ...rest,
});
const tools = (name: string) => ({
  tools: { half: { kind: 'sql', function: `${name}.half(numeric)` } },
});

describe('functions of a system', () => {
  test('are created as tools of the system, and change only when their text does', async () => {
    const tenant = await newTenant(database.pool);
    const name = named();
    const first = await tenant.apply(system(name, { half: half(name) }, tools(name)));
    expect(changes(first)).toEqual([
      `create system ${name}`,
      'create function half',
      'create tool half',
    ]);
    const again = await tenant.apply(system(name, { half: half(name) }, tools(name)));
    expect([changes(again), again.digest]).toEqual([[], first.digest]);
    expect(await tenant.one(`select ${name}.half(5) as h`)).toEqual({ h: '2.5000000000000000' });
    const doubled = { ...half(name, 'n / 4'), comment: 'A quarter of it.' };
    const other = await tenant.apply(system(name, { half: doubled }, tools(name)));
    expect(changes(other)).toEqual(['change function half', 'change tool half']);
    expect(other.version).toBe(2);
    expect(
      await tenant.one(
        `select description, effect, parameters -> 'required' as required from howdah.tools
         where name = 'half' and tenant_id = howdah.current_tenant()`,
      ),
    ).toEqual({ description: 'A quarter of it.', effect: 'pure', required: ['n'] });
  });

  test('changed by hand are restored', async () => {
    const tenant = await newTenant(database.pool);
    const name = named();
    await tenant.apply(system(name, { half: half(name) }));
    await tenant.inside((client) =>
      client.query(half(name, 'n').definition.replace('create', 'create or replace')),
    );
    expect(changes(await tenant.apply(system(name, { half: half(name) })))).toEqual([
      'change function half',
    ]);
    expect(await tenant.one(`select ${name}.half(4)::float as h`)).toEqual({ h: 2 });
  });

  test('may call each other in any order, and change their arguments and results', async () => {
    const tenant = await newTenant(database.pool);
    const name = named();
    const quarter = {
      definition: `create function a_quarter(n numeric) returns numeric language sql immutable as $$ select ${name}.half(${name}.half(n)) $$`,
    };
    await tenant.apply(system(name, { half: half(name), a_quarter: quarter }, tools(name)));
    expect(await tenant.one(`select ${name}.a_quarter(8)::float as q`)).toEqual({ q: 2 });
    const text = half(name, 'n / 2', 'text').definition.replace('n / 2', '(n / 2)::text');
    const plan = await tenant.apply(system(name, { half: { definition: text } }, tools(name)));
    expect(plan.kept).toEqual([{ kind: 'function', name: 'a_quarter' }]);
    const wider = {
      definition: `create function half(n numeric, digits int) returns numeric language sql as $$ select round(n / 2, digits) $$`,
    };
    const next = await tenant.apply(
      system(
        name,
        { half: wider },
        {
          tools: { half: { kind: 'sql', function: `${name}.half(numeric, integer)` } },
        },
      ),
    );
    expect(changes(next)).toEqual(['change function half', 'change tool half']);
    expect(
      await tenant.all(
        `select p.oid::regprocedure::text as f from pg_proc as p where p.pronamespace = $1::regnamespace order by 1`,
        name,
      ),
    ).toEqual([{ f: `${name}.a_quarter(numeric)` }, { f: `${name}.half(numeric,integer)` }]);
  });

  test('are deleted with --prune, and their schema with the last, once no tenant calls them', async () => {
    const name = named();
    const [one, two] = [await newTenant(database.pool), await newTenant(database.pool)];
    for (const tenant of [one, two]) {
      await tenant.apply(system(name, { half: half(name) }, tools(name)));
    }
    const there = () =>
      one.one(
        `select to_regprocedure($1) is not null as is_there, to_regnamespace($2) is not null as has_schema`,
        `${name}.half(numeric)`,
        name,
      );
    const result = await one.apply(system(name, {}), { prune: true });
    expect(changes(result)).toContain('delete tool half');
    expect(await there()).toEqual({ is_there: true, has_schema: true });
    const gone = await two.apply(system(name, {}), { prune: true });
    expect(changes(gone)).toContain('delete tool half');
    await one.apply(system(name, {}), { prune: true });
    await two.apply(system(name, {}), { prune: true });
    expect(await there()).toEqual({ is_there: false, has_schema: false });
  });

  test('are exported in full, and apply to the same digest elsewhere', async () => {
    const [one, two] = [await newTenant(database.pool), await newTenant(database.pool)];
    const name = named();
    const { digest } = await one.apply(system(name, { half: half(name) }, tools(name)));
    const exported = await one.export(name);
    expect(exported.functions).toEqual({
      half: {
        definition: expect.stringContaining(`FUNCTION ${name}.half(n numeric)`),
        comment: 'Half of it.',
      },
    });
    const elsewhere = await two.apply(exported);
    expect(elsewhere.digest).toBe(digest);
    expect(changes(await one.apply(exported))).toEqual([]);
  });

  test('leave nothing behind after a dry run, or when another part is rejected', async () => {
    const tenant = await newTenant(database.pool);
    const name = named();
    const tried = await tenant.apply(system(name, { half: half(name) }), { dryRun: true });
    expect(changes(tried)).toContain('create function half');
    await expect(
      tenant.apply(
        system(name, { half: half(name) }, { agents: { a: { tools: { allow: ['nowhere'] } } } }),
      ),
    ).rejects.toMatchObject({ code: 'HWINV' });
    expect(await tenant.one('select to_regnamespace($1) as s', name)).toEqual({ s: null });
  });

  test('are executable by the application and by no other role', async () => {
    const tenant = await newTenant(database.pool);
    const name = named();
    await tenant.apply(system(name, { half: half(name) }));
    const may = (role: string) =>
      `has_function_privilege('${role}', '${name}.half(numeric)', 'execute') as ${role}`;
    expect(
      await tenant.one(
        `select ${may('howdah_app')}, ${may('howdah_analyst')}, ${may('howdah_worker')}`,
      ),
    ).toEqual({ howdah_app: true, howdah_analyst: false, howdah_worker: false });
  });
});

describe('rejected input', () => {
  test.each<[string, (name: string) => string, RegExp]>([
    ['that is not valid SQL', () => 'create function half(', /syntax error/],
    [
      'with security definer',
      (name) => `${half(name).definition} security definer`,
      /security definer/,
    ],
    [
      'of a function with another name',
      (name) => half(name).definition.replace('half', 'third'),
      /does not create the function/,
    ],
    [
      'of a function in another schema',
      (name) => half(name).definition.replace(`${name}.`, 'public.'),
      /does not create the function/,
    ],
    [
      'whose body refers to an unknown object',
      (name) => half(name, 'nobody.knows(n)').definition,
      /nobody/,
    ],
    ['with an unknown type', (name) => half(name, 'n', 'nothing').definition, /nothing/],
    [
      'that creates something else',
      () => 'create table t (id int)',
      /does not make|create function/,
    ],
  ])('a definition %s', async (_, definition, words) => {
    const tenant = await newTenant(database.pool);
    const name = named();
    const { code, faults } = await faultsOf(
      tenant.apply(system(name, { half: { definition: definition(name) } }, tools(name))),
    );
    expect(code).toBe('HWINV');
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({
      path: '/functions/half/definition',
      message: expect.stringMatching(words),
    });
    expect(await tenant.one('select to_regnamespace($1) as s', name)).toEqual({ s: null });
  });

  test.each(['public', 'pg_temp', 'howdah', 'howdah_private', 'With Spaces', 'information_schema'])(
    'a system named %s, which is not a valid schema for functions',
    async (name) => {
      const tenant = await newTenant(database.pool);
      const work = tenant.apply(
        system(name, {
          f: { definition: 'create function f() returns int language sql as $$ select 1 $$' },
        }),
      );
      expect(await faultsOf(work)).toMatchObject({
        code: 'HWINV',
        faults: [{ message: expect.stringContaining('is not a valid schema name') }],
      });
    },
  );

  test('an existing function that no system created', async () => {
    const tenant = await newTenant(database.pool);
    const name = named();
    await tenant.inside(async (client) => {
      await client.query(`create schema ${name}`);
      await client.query(half(name, 'n * 1000').definition);
    });
    expect(await faultsOf(tenant.apply(system(name, { half: half(name) })))).toMatchObject({
      code: 'HWCNF',
      faults: [
        { message: `function ${name}.half already exists and does not belong to an agent system` },
      ],
    });
    expect(await tenant.one(`select ${name}.half(1)::int as h`)).toEqual({ h: 1000 });
  });

  test('a caller who does not own the database', async () => {
    const tenant = await newTenant(database.pool);
    const name = named();
    const document = JSON.stringify(system(name, { half: half(name) }));
    await asRole(
      database.pool,
      'howdah_app',
      { 'howdah.tenant_id': tenant.tenant },
      async (client) => {
        await expect(
          client.query('select howdah.apply_agent_system($1)', [document]),
        ).rejects.toMatchObject({
          code: 'HWDEN',
        });
      },
    );
  });
});
