import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { all, asRole, committed, one, openSession, refusal, refusedInside } from './support.ts';
import { TABLE_SAMPLES } from './tables/table-samples.ts';
import { makeTwoTenants } from './two-tenants.ts';

/** Views that the application may read. */
const READABLE_VIEWS = [
  'agent_performance',
  'answer_cache',
  'tool_answer_cache',
  'approval_times',
  'daily_usage',
  'effects',
  'execution_counters',
  'execution_timeline',
  'execution_tree',
  'evaluation_items',
  'failures',
  'knowledge_health',
  'limit_usage',
  'message_sources',
  'messages',
  'model_catalog',
  'model_performance',
  'model_usage',
  'permissions',
  'plan_tasks',
  'grade_queue',
  'preference_pairs',
  'quality_by_day',
  'training_examples',
  'rewards',
  'routing_decisions',
  'setting_values',
  'stale_answers',
  'tool_performance',
  'usage_by_day',
];

/** Relations that the application may read. Queries of any other are rejected. */
const READABLE = [...Object.keys(TABLE_SAMPLES), ...READABLE_VIEWS].sort();

/** Returns a type with its schema, so that objects of other schemas cannot shadow it. */
const qualified = (type: string) =>
  type.includes('.') || type.includes(' ') || /^(integer|boolean|smallint|bigint)/.test(type)
    ? type
    : `pg_catalog.${type}`;

/** Relations whose rows are the same for every tenant. */
const OF_NOBODY = ['model_catalog', 'permissions', 'status_transitions'];

describe('tenants', () => {
  let db: TestDatabase;
  let a: string;
  let b: string;
  const logins: string[] = [];

  beforeAll(async () => {
    db = await createTestDatabase();
    ({ a, b } = await makeTwoTenants(db.pool));
  });
  afterAll(async () => {
    await db.drop();
    const client = await openSession(inject('serverUrl'));
    for (const login of logins) {
      await client.query(`drop role ${login}`);
    }
    await client.end();
  });

  const asApp = <T>(tenant: string, work: (client: pg.PoolClient) => Promise<T>) =>
    asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, work);

  /** Creates a login like those of real users and programs. */
  const makeLogin = async (...roles: string[]) => {
    const login = `howdah_test_${randomBytes(6).toString('hex')}`;
    logins.push(login);
    await db.pool.query(`create role ${login} login password 'secret'`);
    for (const role of roles) {
      await db.pool.query(`grant ${role} to ${login}`);
    }
    return login;
  };
  const connectAs = async (login: string) => {
    const url = new URL(db.url);
    url.username = login;
    url.password = 'secret';
    return openSession(url.toString());
  };

  test.each(['howdah_app', 'howdah_analyst', 'howdah_viewer'])(
    '%s of one tenant sees no rows of another in any table or view',
    async (role) => {
      const relations = await all(
        db.pool,
        `select c.relname as name, exists (
           select from pg_attribute as x where x.attrelid = c.oid and x.attname = 'tenant_id'
         ) as has_tenant
         from pg_class as c where c.relnamespace = 'howdah'::regnamespace
           and c.relkind in ('r', 'p', 'v') and has_any_column_privilege($1, c.oid, 'select')
         order by c.relname`,
        [role],
      );
      expect(relations.map((relation) => relation.name)).toEqual(READABLE);
      for (const [mine, theirs] of [
        [a, b],
        [b, a],
      ] as const) {
        await asRole(db.pool, role, { 'howdah.tenant_id': mine }, async (client) => {
          for (const { name, has_tenant } of relations) {
            if (OF_NOBODY.includes(name)) {
              continue;
            }
            const column = has_tenant ? 'tenant_id' : 'id';
            const seen = await all(
              client,
              `select distinct ${column} as tenant from howdah.${name}`,
            );
            expect({ name, seen }).toEqual({ name, seen: [{ tenant: mine }] });
            expect(JSON.stringify(seen)).not.toContain(theirs);
          }
        });
      }
    },
  );

  test('the application sees no private tables', async () => {
    await asApp(a, async (client) => {
      const tables = await all(
        db.pool,
        `select c.oid::regclass::text as name from pg_class as c
         where c.relnamespace in ('howdah_private'::regnamespace, 'graphile_worker'::regnamespace)
           and c.relkind in ('r', 'p', 'v')
           -- counters of the tenant's own runs
           and c.oid not in ('howdah_private.run_heads'::regclass, 'howdah_private.run_tags'::regclass, 'howdah_private.cached_answers'::regclass, 'howdah_private.searched_bases'::regclass,
             'howdah_private.message_log'::regclass)`,
      );
      expect(tables.length).toBeGreaterThan(40);
      for (const { name } of tables) {
        expect(await refusedInside(client, `select 1 from ${name} limit 1`)).toMatchObject({
          code: '42501',
        });
      }
      const channel = `select howdah_private.channel('tokens')`;
      expect(await refusedInside(client, channel)).toMatchObject({ code: '42501' });
      for (const name of ['violations', 'queue_health']) {
        expect(await refusedInside(client, `select 1 from howdah.${name}`)).toMatchObject({
          code: '42501',
        });
      }
    });
  });

  test('only the owner can write tenant_id', async () => {
    await asApp(a, async (client) => {
      for (const table of [
        'agents',
        'models',
        'tools',
        'sessions',
        'schedules',
        'hooks',
        'integrations',
        'executions',
        'users',
        'todos',
        'resources',
      ]) {
        expect(
          await refusedInside(client, `insert into howdah.${table} (tenant_id) values ($1)`, [b]),
        ).toMatchObject({ code: '42501' });
        expect(
          await refusedInside(client, `update howdah.${table} set tenant_id = $1`, [b]),
        ).toMatchObject({ code: '42501' });
      }
    });
  });

  test('a row of another tenant is rejected even where the column is granted', async () => {
    const client = await db.pool.connect();
    try {
      await client.query('begin');
      await client.query(
        'grant insert (tenant_id), update (tenant_id) on howdah.models to howdah_app',
      );
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [a]);
      await client.query('set local role howdah_app');
      const insert = `insert into howdah.models (tenant_id, name, provider, model) values ($1, 'x', 'openai', 'x')`;
      expect((await refusedInside(client, insert, [b])).message).toContain('row-level security');
      const update = 'update howdah.models set tenant_id = $1';
      expect((await refusedInside(client, update, [b])).message).toContain('row-level security');
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  test('updates and deletes of one tenant do not affect rows of another', async () => {
    await asApp(a, async (client) => {
      const { rowCount } = await client.query(`update howdah.agents set instruction = 'mine now'`);
      expect(rowCount).toBe(2);
      const gone = await client.query('delete from howdah.agent_tools');
      expect(gone.rowCount).toBe(1);
    });
    await asApp(a, async (client) => {
      const foreign = await one(
        db.pool,
        'select id from howdah.agents where tenant_id = $1 limit 1',
        [b],
      );
      expect(
        await refusal(client.query('select howdah.delete_agent($1)', [foreign.id])),
      ).toMatchObject({ code: 'HWNTF' });
    });
  });

  test('agents, models, tools and sessions of another tenant cannot be used', async () => {
    const ids = async (tenant: string) =>
      one(
        db.pool,
        `select (select id from howdah.agents where tenant_id = $1 and name <> 'development') as agent,
           (select id from howdah.models where tenant_id = $1 and name <> 'default') as model,
           (select id from howdah.tools where tenant_id = $1 and kind = 'custom') as tool,
           (select id from howdah.sessions where tenant_id = $1) as session,
           (select id from howdah.schedules where tenant_id = $1) as schedule,
           (select id from howdah.users where tenant_id = $1) as person,
           (select name from howdah.agents where tenant_id = $1 and name <> 'development') as name`,
        [tenant],
      );
    const [mine, theirs] = [await ids(a), await ids(b)];
    await asApp(a, async (client) => {
      const attempts: [string, unknown[], string][] = [
        [`select howdah.run($1, 'hi')`, [theirs.name], 'HWNTF'],
        ['select howdah.agent($1)', [theirs.name], 'HWNTF'],
        [
          `insert into howdah.executions (agent_id, input) values ($1, 'x')`,
          [theirs.agent],
          'HWNTF',
        ],
        [
          `insert into howdah.executions (agent_id, session_id, input) values ($1, $2, 'x')`,
          [mine.agent, theirs.session],
          'HWNTF',
        ],
        [
          'insert into howdah.agent_models (agent_id, model_id, position) values ($1, $2, 9)',
          [mine.agent, theirs.model],
          'HWNTF',
        ],
        [
          'insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)',
          [mine.agent, theirs.tool],
          'HWNTF',
        ],
        [
          'insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)',
          [theirs.agent, mine.tool],
          'HWNTF',
        ],
        ['insert into howdah.sessions (user_id) values ($1)', [theirs.person], '23503'],
        [
          `insert into howdah.limits (scope, subject_id, metric, max_value) values ('tool', $1, 'running_calls', 1)`,
          [theirs.tool],
          'HWNTF',
        ],
        [
          `insert into howdah.limits (scope, subject_id, metric, max_value) values ('agent', $1, 'running_runs', 1)`,
          [theirs.agent],
          'HWNTF',
        ],
        [
          `insert into howdah.schedules (name, cron, agent_id, input) values ('x', '@daily', $1, 'x')`,
          [theirs.agent],
          'HWNTF',
        ],
        ['update howdah.schedules set agent_id = $1', [theirs.agent], 'HWNTF'],
        ['update howdah.schedules set session_id = $1', [theirs.session], 'HWNTF'],
        ['select howdah.run_schedule($1)', [theirs.schedule], 'HWNTF'],
        ['update howdah.agents set user_id = $1', [theirs.person], 'HWNTF'],
      ];
      for (const [text, values, code] of attempts) {
        expect({ text, ...(await refusedInside(client, text, values)) }).toMatchObject({
          text,
          code,
        });
      }
    });
  });

  test('even the owner cannot create a reference across tenants', async () => {
    const model = await one(
      db.pool,
      `select id from howdah.models where tenant_id = $1 and name <> 'default'`,
      [b],
    );
    const agent = await one(db.pool, 'select id from howdah.agents where tenant_id = $1 limit 1', [
      a,
    ]);
    expect(
      await refusal(
        db.pool.query(
          'insert into howdah.agent_models (tenant_id, agent_id, model_id, position) values ($1, $2, $3, 9)',
          [a, agent.id, model.id],
        ),
      ),
    ).toMatchObject({ code: 'HWNTF' });
  });

  describe('current_tenant()', () => {
    const tenantOf = async (client: pg.ClientBase) =>
      (await one(client, 'select howdah.current_tenant() as tenant')).tenant;
    const defaultTenant = async () =>
      (await one(db.pool, `select id from howdah.tenants where slug = 'default'`)).id;

    test("is 'default' for an owner, unless it is set", async () => {
      const client = await openSession(db.url);
      expect(await tenantOf(client)).toBe(await defaultTenant());
      await client.query(`select set_config('howdah.tenant_id', $1, false)`, [a]);
      expect(await tenantOf(client)).toBe(a);
      await client.query(`set howdah.tenant_id = ''`);
      expect(await tenantOf(client)).toBe(await defaultTenant());
      await client.end();
    });

    test('drops a local setting at commit', async () => {
      const client = await openSession(db.url);
      await client.query('begin');
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [a]);
      expect(await tenantOf(client)).toBe(a);
      await client.query('commit');
      expect(await one(client, `select current_setting('howdah.tenant_id', true) as s`)).toEqual({
        s: '',
      });
      expect(await tenantOf(client)).toBe(await defaultTenant());
      await client.end();
    });

    test('is the tenant set by the API, and null when none is set', async () => {
      const client = await connectAs(await makeLogin('howdah_authenticator'));
      expect(await tenantOf(client)).toBeNull();
      await client.query('begin');
      await client.query('set local role howdah_app');
      expect(await all(client, 'select 1 from howdah.agents limit 1')).toEqual([]);
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [b]);
      expect(await tenantOf(client)).toBe(b);
      expect(await all(client, 'select distinct tenant_id from howdah.agents')).toEqual([
        { tenant_id: b },
      ]);
      await client.query('rollback');
      await client.end();
    });

    test('and other functions use no type, table or function that a login created in pg_temp', async () => {
      const login = await makeLogin('howdah_app');
      await db.pool.query(
        `insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, 'admin')`,
        [login, a],
      );
      const functions = await all(
        db.pool,
        `select p.oid::regprocedure::text as signature, n.nspname || '.' || p.proname as name,
           array(select format_type(t, null) from unnest(p.proargtypes) as t) as types
         from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
         where n.nspname in ('howdah', 'howdah_private') and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
           and has_function_privilege('howdah_app', p.oid, 'execute')`,
      );
      expect(functions.length).toBeGreaterThan(40);
      const client = await connectAs(login);
      await client.query(`create function pg_temp.spy() returns boolean language plpgsql as $$
        begin if current_user <> session_user then raise exception 'planted: %', current_user; end if; return true; end $$`);
      await client.query('grant execute on function pg_temp.spy() to public');
      for (const type of [
        'uuid',
        'text',
        'jsonb',
        'timestamptz',
        'bytea',
        'name',
        'regclass',
        'int4',
        'bool',
        'numeric',
      ]) {
        await client.query(
          `create domain pg_temp.${type} as pg_catalog.${type} check (pg_temp.spy())`,
        );
      }
      for (const table of ['agents', 'users', 'executions', 'pg_class', 'pg_roles']) {
        await client.query(`create temp table ${table} (id pg_catalog.uuid)`);
      }
      const attempts = functions.map(
        ({ name, types }) =>
          `select * from ${name}(${types.map((type: string) => `null::${qualified(type)}`).join(', ')})`,
      );
      attempts.push(
        `insert into howdah.executions (agent_id, input) values (howdah.agent('development'), 'x')`,
        `insert into howdah.agents (name, instruction) values ('planted', 'x')`,
        `update howdah.agents set instruction = 'y' where name = 'planted'`,
        `insert into howdah.models (name, provider, model) values ('planted', 'local', 'x')`,
        `select howdah.cancel_execution(id) from howdah.run('development', 'x')`,
        `select howdah.send_message(id, 'x') from howdah.start_session('development')`,
        `insert into howdah.resources (name, type, bytes) values ('x', 'text/plain', 'x')`,
      );
      for (const text of attempts) {
        const message = await client.query(text).then(
          () => '',
          (error: Error) => error.message,
        );
        expect({ text, message }).not.toMatchObject({
          message: expect.stringContaining('planted:'),
        });
      }
      await client.end();
    });

    test('is the bound tenant for a bound login, whatever it sets', async () => {
      const login = await makeLogin('howdah_app');
      await db.pool.query(
        `insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, 'admin')`,
        [login, a],
      );
      const client = await connectAs(login);
      expect(await tenantOf(client)).toBe(a);
      for (const text of [
        `set howdah.tenant_id = '${b}'`,
        `select set_config('howdah.tenant_id', '${b}', false)`,
        `set howdah.pinned_tenant = '${b}'`,
        `set howdah.pinned_agent_name = 'development'`,
        `set howdah.pinned_agent = '${b}'`,
        'set role howdah_app',
      ]) {
        await client.query(text);
        expect(await tenantOf(client)).toBe(a);
        expect(await all(client, 'select distinct tenant_id from howdah.agents')).toEqual([
          { tenant_id: a },
        ]);
      }
      for (const role of [
        'howdah_owner',
        'howdah_engine',
        'howdah_worker',
        'howdah_eraser',
        'howdah_tool',
        'howdah_reader',
        'howdah_writer',
        'howdah_viewer',
        'howdah_inserter',
      ]) {
        expect(await refusal(client.query(`set role ${role}`))).toMatchObject({ code: '42501' });
      }
      expect(
        await refusal(
          client.query('insert into howdah_private.login_tenants values (current_user, $1)', [b]),
        ),
      ).toMatchObject({ code: '42501' });
      const run = await one(
        client,
        `select tenant_id, created_by from howdah.run('development', 'hi')`,
      );
      expect(run).toEqual({ tenant_id: a, created_by: login });
      // An insert of an owner caches the defaults of an agent in a setting. Other logins cannot
      // forge that cache.
      expect(
        await one(
          client,
          `insert into howdah.executions (agent_id, input)
           select a.id, set_config('howdah.pinned_run_defaults',
             array[a.id::text, $1, a.current_version_id::text, '777', null, null, null, null]::text, false)
           from howdah.agents as a where a.name = 'development' returning max_steps`,
          [a],
        ),
      ).toEqual({ max_steps: 50 });
      await client.end();
    });

    test.each([
      ['viewer', ['42501', '42501', '42501', '42501']], // has no privilege to write at all
      ['member', [null, 'HWDEN', 'HWDEN', 'HWDEN']],
      ['admin', [null, null, 'HWDEN', 'HWDEN']],
    ])('a bound login has a fixed role: %s, whatever it sets', async (role, expected) => {
      const login = await makeLogin('howdah_app');
      await db.pool.query(
        'insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, $3)',
        [login, a, role],
      );
      const again = `insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, 'admin')`;
      expect(await refusal(db.pool.query(again, [login, b]))).toMatchObject({ code: '23505' });
      const { id: owner } = await one(
        db.pool,
        `insert into howdah.users (tenant_id, username, role) values ($1, $2, 'owner') returning id`,
        [a, login],
      );
      const client = await connectAs(login);
      const attempts = [
        `select howdah.run('development', 'x')`,
        `select howdah.create_api_key('x')`,
        `select howdah.create_api_key('x', 'owner')`,
        `insert into howdah.models (name, provider, model, base_url)
         values ('local', 'openai', 'm', 'http://localhost:11434/v1')`,
      ];
      const outcomes = async () => {
        const codes = [];
        for (const text of attempts) {
          codes.push(
            await client.query(text).then(
              () => null,
              (error) => error.code,
            ),
          );
        }
        return codes;
      };
      expect(await outcomes()).toEqual(expected);
      for (const [name, value] of [
        ['howdah.tenant_id', b],
        ['howdah.user_id', owner],
        ['howdah.role', 'owner'],
        ['howdah.scopes', 'read,run,edit,manage'],
        ['howdah.api_key_id', owner],
        ['howdah.owns_machine', 'on'],
        ['role', role === 'viewer' ? 'howdah_viewer' : 'howdah_app'],
      ]) {
        await client.query('select set_config($1, $2, false)', [name, value]);
      }
      expect(await outcomes()).toEqual(expected);
      expect(
        await one(
          client,
          'select howdah.current_tenant() as tenant, howdah.current_user_id() as person, howdah.current_user_role() as role',
        ),
      ).toEqual({ tenant: a, person: null, role });
      expect(await all(client, 'select distinct tenant_id from howdah.executions')).toEqual([
        { tenant_id: a },
      ]);
      expect(
        await refusal(client.query(`update howdah_private.login_tenants set role = 'owner'`)),
      ).toMatchObject({ code: '42501' });
      await db.pool.query('update howdah.tenants set is_active = false where id = $1', [a]);
      expect(await tenantOf(client)).toBeNull();
      expect(await refusal(client.query(`select howdah.run('development', 'hi')`))).toMatchObject({
        code: role === 'viewer' ? '42501' : 'HWNTF',
      });
      await db.pool.query('update howdah.tenants set is_active = true where id = $1', [a]);
      await client.end();
    });

    test.each([
      ['a login that does not exist', null, 'there is no login'],
      ['a role that cannot log in', 'nologin', 'cannot log in'],
      ['a superuser', 'superuser', 'is a superuser'],
      ['a member of howdah_owner', 'in role howdah_owner', 'is a member of howdah_owner'],
      ['a member of howdah_worker', 'in role howdah_worker', 'is a member of howdah_worker'],
      [
        'the login of the API',
        'in role howdah_authenticator',
        'is a member of howdah_authenticator',
      ],
    ])('a tenant cannot be bound to %s', async (_who, options, words) => {
      const login = `howdah_test_${randomBytes(6).toString('hex')}`;
      if (options) {
        logins.push(login);
        await db.pool.query(`create role ${login} login ${options}`.replace('login nologin', ''));
      }
      const insert = `insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, 'admin')`;
      const refused = await refusal(db.pool.query(insert, [login, a]));
      expect(refused).toMatchObject({ code: 'HWINV', message: expect.stringContaining(words) });
      expect(refused.fields).toEqual({ field: 'login', login });
    });

    test('is null for an unbound login, which sees nothing and can do nothing', async () => {
      const client = await connectAs(await makeLogin('howdah_app'));
      await client.query(`set howdah.tenant_id = '${a}'`);
      await client.query(`set howdah.user_id = '${a}'`);
      expect(await tenantOf(client)).toBeNull();
      expect(await one(client, 'select howdah.current_user_id() as u')).toEqual({ u: null });
      for (const name of READABLE.filter((name) => !OF_NOBODY.includes(name))) {
        expect({ name, rows: await all(client, `select 1 as x from howdah.${name}`) }).toEqual({
          name,
          rows: [],
        });
      }
      expect(await refusal(client.query(`select howdah.run('development', 'x')`))).toMatchObject({
        code: 'HWNTF',
        hint: expect.stringContaining('This login acts for no tenant'),
      });
      const { id } = await one(
        db.pool,
        'select id from howdah.agents where tenant_id = $1 limit 1',
        [a],
      );
      expect(
        await refusal(
          client.query(`insert into howdah.executions (agent_id, input) values ($1, 'x')`, [id]),
        ),
      ).toMatchObject({ code: 'HWDEN', message: 'this login acts for no tenant' });
      expect(
        await refusal(
          client.query(`select howdah_private.reserve_idempotency_key($1, 'k', howdah.uuid_v7())`, [
            a,
          ]),
        ),
      ).toMatchObject({ code: 'HWDEN' });
      await client.end();
    });

    test('is denied to a login without any role of Howdah', async () => {
      const client = await connectAs(await makeLogin());
      expect(await refusal(client.query('select howdah.current_tenant()'))).toMatchObject({
        code: '42501',
      });
      await client.end();
    });
  });

  test('an owner with the role of the application sees one tenant', async () => {
    await committed(db.pool, async (client) => {
      await client.query('set local role howdah_app');
      const { slug } = await one(client, 'select slug from howdah.tenants');
      expect(slug).toBe('default');
      await client.query('reset role');
      expect((await all(client, 'select 1 from howdah.tenants')).length).toBeGreaterThan(2);
    });
  });

  test('an owner who is not a superuser sees all tenants and violations', async () => {
    const client = await connectAs(await makeLogin('howdah_owner'));
    expect((await all(client, 'select 1 from howdah.tenants')).length).toBeGreaterThan(2);
    expect(
      (await all(client, 'select distinct tenant_id from howdah.executions')).length,
    ).toBeGreaterThan(1);
    expect(await all(client, 'select * from howdah.violations')).toEqual([]);
    const health = 'select * from howdah.queue_health';
    expect(await all(client, health)).toHaveLength((await all(db.pool, health)).length);
    await client.end();
  });

  test('an unbound login gets no data from the functions it may call', async () => {
    const run = await one(
      db.pool,
      'select id from howdah.executions where tenant_id = $1 limit 1',
      [b],
    );
    await asApp(a, async (client) => {
      expect(await one(client, 'select (howdah_private.execution_row($1)).id', [run.id])).toEqual({
        id: null,
      });
    });
  });
});
