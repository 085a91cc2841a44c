import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyAudit } from '../../../src/db/operations/audit.ts';
import { replaceableFiles } from '../../../src/db/schema/replaceable-files.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  committed,
  type Db,
  finish,
  makeAgent,
  makeModel,
  makeRun,
  makeTenant,
  makeTool,
  makeUser,
  makeWorker,
  one,
  openSession,
  refusal,
  rolledBack,
  takeRole,
  testClient,
  unique,
} from '../support.ts';

/** Describes how a test inserts and changes a row of an audited table. */
type Definition = {
  table: string;
  /** Columns of the key without the tenant, in the order in which the log joins them. */
  key?: string[];
  row: (db: Db, tenant_id: string) => Promise<Record<string, unknown>> | Record<string, unknown>;
  change: Record<string, unknown>;
};

const READER = unique('howdah_test_reader').replaceAll('-', '_');
const agentOf = (db: Db, tenant_id: string) => makeAgent(db, { tenant_id });
const DEFINITIONS: Definition[] = [
  { table: 'howdah.tenants', row: () => ({ slug: 'here', name: 'Here' }), change: { name: 'X' } },
  { table: 'howdah.users', row: () => ({ username: 'mia' }), change: { role: 'admin' } },
  {
    table: 'howdah.models',
    row: () => ({ name: 'm', provider: 'openai', model: 'x' }),
    change: { model: 'y', input_price: 3 },
  },
  { table: 'howdah.agents', row: () => ({ name: 'a' }), change: { instruction: 'Be brief.' } },
  {
    table: 'howdah.agent_models',
    key: ['agent_id', 'purpose', 'position'],
    row: async (db, tenant_id) => ({
      agent_id: await agentOf(db, tenant_id),
      model_id: await makeModel(db, { tenant_id }),
      purpose: 'llm',
      position: 1,
    }),
    change: { request_params: { temperature: 0 } },
  },
  { table: 'howdah.tools', row: () => ({ name: 't', kind: 'custom' }), change: { effect: 'once' } },
  {
    table: 'howdah.agent_tools',
    key: ['agent_id', 'tool_id'],
    row: async (db, tenant_id) => ({
      agent_id: await agentOf(db, tenant_id),
      tool_id: await makeTool(db, { tenant_id }),
    }),
    change: { requires_approval: true },
  },
  {
    table: 'howdah.schedules',
    row: async (db, tenant_id) => ({
      name: 's',
      cron: '@daily',
      agent_id: await agentOf(db, tenant_id),
      input: 'x',
    }),
    change: { cron: '@hourly' },
  },
  {
    table: 'howdah.tool_policies',
    row: () => ({ effect: 'once', decision: 'ask' }),
    change: { decision: 'deny' },
  },
  {
    table: 'howdah.output_filters',
    row: () => ({ name: 'key', pattern: 'key' }),
    change: { action: 'block' },
  },
  {
    table: 'howdah.limits',
    row: () => ({ metric: 'runs', period: 'day', max_value: 5 }),
    change: { max_value: 6 },
  },
  {
    table: 'howdah.settings',
    row: () => ({ key: 'max_depth', value: '5' }),
    change: { value: '6' },
  },
  {
    table: 'howdah.retention_policies',
    row: () => ({ keep_runs_days: 9 }),
    change: { keep_runs_days: 10 },
  },
  {
    table: 'howdah.grants',
    row: async (db, tenant_id) => ({
      agent_id: await agentOf(db, tenant_id),
      role: 'member',
      permission: 'run',
    }),
    change: { permission: 'edit' },
  },
  {
    table: 'howdah.hooks',
    row: () => ({ event: 'before_run', function: 'public.look' }),
    change: { position: 2 },
  },
  {
    table: 'howdah.approvals',
    row: async (db, tenant_id) => ({
      scope: 'agent',
      tool: 't',
      agent_id: await agentOf(db, tenant_id),
      created_by: 'mia',
    }),
    change: { tool: 'u' },
  },
  {
    table: 'howdah.api_keys',
    row: () => ({
      ...{ name: 'k', prefix: 'hwd_0123456789ab', hash: Buffer.alloc(32), created_by: 'mia' },
    }),
    change: { revoked_at: '2030-01-01T00:00:00Z' },
  },
  {
    table: 'howdah.secrets',
    row: () => ({ name: 'KEY', fingerprint: 'f', last_four: 'cdef' }),
    change: { fingerprint: 'g', version: 2 },
  },
  {
    table: 'howdah_private.login_tenants',
    key: ['login'],
    row: () => ({ login: READER, role: 'admin' }),
    change: { role: 'viewer' },
  },
];

const db = testDatabase();
beforeAll(async () => {
  await db.pool.query(`create role ${READER} login`);
  await db.pool.query(
    `create function public.look(event jsonb) returns jsonb language sql as 'select null::jsonb'`,
  );
});
afterAll(async () => {
  const chains = await verifyAudit(db.pool);
  expect(chains.filter(({ broken }) => broken)).toEqual([]);
  await db.pool.query(`drop role ${READER}`);
});

const COLUMNS = `seq::int, actor, user_id, login, api_key_id, client, action, object, object_id, before_digest,
  after_digest, changed, detail`;
const logOf = (tenant: string, after = 0) =>
  all(
    db.pool,
    `select ${COLUMNS} from howdah.audit_log where tenant_id = $1 and seq > $2 order by seq`,
    [tenant, after],
  );
const endOf = async (tenant: string): Promise<number> => (await logOf(tenant)).length;

describe('audit of definition changes', () => {
  test.each(DEFINITIONS)(
    'stores one row for a change in $table',
    async ({ table, key = ['id'], row, change }) => {
      let tenant = await makeTenant(db.pool);
      const values: Record<string, unknown> = await row(db.pool, tenant);
      if (table !== 'howdah.tenants') values.tenant_id = tenant;
      const from = table === 'howdah.tenants' ? 0 : await endOf(tenant);
      const names = Object.keys(values);
      const columns = Object.keys(change).sort();
      const made = await committed(db.pool, async (client) => {
        const places = names.map((_, i) => `$${i + 1}`);
        const inserted = await one(
          client,
          `insert into ${table} (${names}) values (${places}) returning *`,
          Object.values(values),
        );
        const here = key.map((name) => `${name} = '${inserted[name]}'`).join(' and ');
        await client.query(
          `update ${table} set ${columns.map((name, i) => `${name} = $${i + 1}`)} where ${here}`,
          columns.map((name) => change[name]),
        );
        // before the row has a version, which would prevent it
        await client.query(`delete from ${table} where ${here}`);
        return inserted;
      });
      if (table === 'howdah.tenants') tenant = made.id;

      const object = table.split('.')[1];
      const object_id = key.map((name) => made[name]).join('/');
      const rows = (await logOf(tenant, from)).filter((entry) => entry.object_id === object_id);
      const login = rows[0]?.login;
      const said = { object, object_id, login, actor: login, user_id: null, detail: null };
      const digest = expect.any(Buffer);
      expect(rows).toEqual([
        expect.objectContaining({
          ...{ ...said, action: 'insert', changed: null },
          ...{ before_digest: null, after_digest: digest },
        }),
        expect.objectContaining({
          ...{ ...said, action: 'update', changed: columns },
          ...{ before_digest: rows[0]?.after_digest, after_digest: digest },
        }),
        expect.objectContaining({
          ...{ ...said, action: 'delete', changed: null },
          ...{ before_digest: rows.at(-2)?.after_digest, after_digest: null },
        }),
      ]);
      expect(new Set(rows.flatMap((entry) => entry.after_digest?.toString('hex') ?? [])).size).toBe(
        rows.length - 1,
      );
    },
  );

  test('records changes beside runs when people make them, not when runs do', async () => {
    const tenant_id = await makeTenant(db.pool);
    const { id: bea } = await makeUser(db.pool, { tenant_id, username: 'bea' });
    const { id: ada } = await makeUser(db.pool, { tenant_id, username: 'ada', role: 'admin' });
    const agent_id = await agentOf(db.pool, tenant_id);
    const noted: (string | null)[][] = [];
    const as = async (user: string, text: string, values: unknown[] = []) => {
      const from = await endOf(tenant_id);
      const rows = await committed(db.pool, async (client) => {
        const settings = { 'howdah.tenant_id': tenant_id, 'howdah.user_id': user };
        await takeRole(client, 'howdah_app', { ...settings, 'howdah.role': 'owner' });
        return all(client, text, values);
      });
      for (const entry of await logOf(tenant_id, from)) {
        noted.push([entry.actor, entry.action, entry.object, entry.changed?.join() ?? null]);
      }
      return rows[0]?.id;
    };
    const insertSession =
      'insert into howdah.sessions (agent_id, user_id) values ($1, $2) returning id';
    const session = await as(bea, insertSession, [agent_id, bea]);
    expect(noted).toEqual([]); // not logged, because the row names its user
    await as(ada, insertSession, [agent_id, bea]);
    const run = await as(bea, `select (howdah.send_message($1, 'x')).id`, [session]);
    expect(run).toBe(session);
    await as(bea, `update howdah.sessions set state = '{"a": 1}' where id = $1`, [session]);
    await as(bea, `insert into howdah.todos (session_id, title) values ($1, 'x')`, [session]);
    await as(ada, `update howdah.todos set title = 'y' where session_id = $1`, [session]);
    await as(ada, 'delete from howdah.todos where session_id = $1', [session]);
    const file = `insert into howdah.resources (session_id, name, type, bytes) values ($1, 'x', 'text/plain', 'x')`;
    await as(bea, file, [session]);
    await as(ada, `update howdah.resources set name = 'y', uri = 'a://b' where session_id = $1`, [
      session,
    ]);
    await as(ada, 'delete from howdah.resources where session_id = $1', [session]);
    await as(bea, `insert into howdah.mail (to_agent_id, content) values ($1, 'x')`, [agent_id]);
    expect(noted).toEqual([
      ['ada', 'insert', 'sessions', null],
      ['bea', 'update', 'sessions', 'state'],
      ['bea', 'insert', 'todos', null],
      ['ada', 'update', 'todos', 'title'],
      ['ada', 'delete', 'todos', null],
      ['ada', 'update', 'resources', 'name,uri'],
      ['ada', 'delete', 'resources', null],
    ]);
    // A change by the owner of the database is logged. The todo list of a run is not.
    const from = await endOf(tenant_id);
    await db.pool.query(`update howdah.mail set content = 'y' where tenant_id = $1`, [tenant_id]);
    const live = await one(
      db.pool,
      'select live_execution_id as id from howdah.sessions where id = $1',
      [session],
    );
    await db.pool.query(`select howdah_private.call_todo($1, '{"action": "add", "title": "z"}')`, [
      live.id,
    ]);
    expect(await logOf(tenant_id, from)).toMatchObject([
      { action: 'update', object: 'mail', changed: ['content'] },
    ]);
  });

  test('also records changes by runs and new rows with the setting audit_contents', async () => {
    const tenant_id = await makeTenant(db.pool);
    const { id: bea } = await makeUser(db.pool, { tenant_id, username: 'bea' });
    const agent_id = await agentOf(db.pool, tenant_id);
    const as = async (text: string, values: unknown[]) => {
      const rows = await committed(db.pool, async (client) => {
        const settings = { 'howdah.tenant_id': tenant_id, 'howdah.user_id': bea };
        await takeRole(client, 'howdah_app', { ...settings, 'howdah.role': 'owner' });
        return all(client, text, values);
      });
      return rows[0]?.id;
    };
    /**
     * Starts a session in which a run and its user write rows. Returns the logged writes to them.
     */
    const recordSessionWrites = async () => {
      const from = await endOf(tenant_id);
      const session = await as(
        'insert into howdah.sessions (agent_id, user_id) values ($1, $2) returning id',
        [agent_id, bea],
      );
      await as('select howdah.send_message($1, $2)', [session, 'x']);
      const live = await one(
        db.pool,
        'select live_execution_id as id from howdah.sessions where id = $1',
        [session],
      );
      await db.pool.query(
        `select howdah_private.call_todo($1, '{"action": "add", "title": "z"}')`,
        [live.id],
      );
      const file = `insert into howdah.resources (session_id, name, type, bytes) values ($1, 'x', 'text/plain', 'x')`;
      await as(file, [session]);
      await as(`insert into howdah.mail (to_agent_id, content) values ($1, 'x')`, [agent_id]);
      await as('delete from howdah.todos where session_id = $1', [session]);
      await db.pool.query('select howdah.cancel_execution($1)', [live.id]);
      const rows = await logOf(tenant_id, from);
      const objects = ['todos', 'sessions', 'resources', 'mail'];
      return rows
        .filter(({ object }) => objects.includes(object))
        .map(({ action, object }) => `${action} ${object}`);
    };
    expect(await recordSessionWrites()).toEqual(['delete todos']);
    await db.pool.query(
      `insert into howdah.settings (tenant_id, key, value) values ($1, 'audit_contents', '1')`,
      [tenant_id],
    );
    const everything = await recordSessionWrites();
    expect(everything).toEqual(
      expect.arrayContaining([
        'insert todos',
        'update sessions',
        'insert resources',
        'insert mail',
      ]),
    );
    expect(everything.filter((one) => /insert sessions|delete todos/.test(one))).toEqual([
      'insert sessions',
      'delete todos',
    ]); // each once
    const chains = await verifyAudit(db.pool);
    expect(chains.find((one) => one.tenant_id === tenant_id)?.broken).toBeUndefined();
  });

  test('stores no content, but a digest that can be recomputed from the row', async () => {
    const tenant_id = await makeTenant(db.pool);
    const id = await makeAgent(db.pool, { tenant_id, instruction: 'canary-4711' });
    const rows = await all(
      db.pool,
      `select l.* from howdah.audit_log as l where tenant_id = $1 and object_id = $2`,
      [tenant_id, id],
    );
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain('canary');
    const { text } = await committed(db.pool, async (client) => {
      await client.query(`set local timezone = 'UTC'`);
      return one(
        client,
        `select (to_jsonb(a) - array['updated_at', 'version_is_stale', 'current_version_id', 'is_restricted', 'next_at',
           'last_at', 'last_execution_id', 'last_error', 'last_used_at'])::text as text
         from howdah.agents as a where id = $1`,
        [id],
      );
    });
    expect(rows[0]?.after_digest).toEqual(createHash('sha256').update(text).digest());
  });

  test('shows changes of objects without a tenant to operators only', async () => {
    const nobody = '00000000-0000-0000-0000-000000000000';
    await db.pool.query(
      `insert into howdah_private.master_keys (fingerprint, retired_at) values ('f', now())`,
    );
    expect((await logOf(nobody)).at(-1)).toMatchObject({
      ...{ action: 'insert', object: 'master_keys', object_id: 'f' },
    });
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      const text = `select from howdah.audit_log where tenant_id = '${nobody}'`;
      expect(await all(client, text)).toEqual([]);
    });
  });

  test('records who silences an alert', async () => {
    const silence = 'update howdah_private.alert_limits set is_active = $1 where name = $2';
    await db.pool.query(silence, [false, 'audit_checkpoint_stale']);
    await db.pool.query(silence, [true, 'audit_checkpoint_stale']);
    const noted = (await logOf('00000000-0000-0000-0000-000000000000')).slice(-2);
    const change = { action: 'update', object: 'alert_limits', changed: ['is_active'] };
    expect(noted).toMatchObject([change, { ...change, object_id: 'audit_checkpoint_stale' }]);
    expect(noted[0]?.before_digest).toEqual(noted[1]?.after_digest);
  });

  test('computes the same digests in every time zone', async () => {
    const tenant_id = await makeTenant(db.pool);
    const id = await makeModel(db.pool, { tenant_id });
    for (const [zone, price] of [
      ['Asia/Tokyo', 1],
      ['America/Lima', 2],
    ]) {
      await committed(db.pool, async (client) => {
        await client.query(`set local timezone = '${zone}'`);
        await client.query('update howdah.models set input_price = $2 where id = $1', [id, price]);
      });
    }
    const rows = (await logOf(tenant_id)).filter((entry) => entry.object_id === id);
    expect(rows.map((entry) => entry.before_digest)).toEqual([
      null,
      rows[0]?.after_digest,
      rows[1]?.after_digest,
    ]);
  });

  test('stores one row for each changed row of a statement, none for unchanged rows', async () => {
    const tenant_id = await makeTenant(db.pool);
    const from = await endOf(tenant_id);
    await db.pool.query(
      `insert into howdah.models (tenant_id, name, provider, model)
       select $1, 'm' || i, 'openai', case when i <= 200 then 'old' else 'new' end
       from generate_series(1, 300) as i`,
      [tenant_id],
    );
    await db.pool.query(
      `update howdah.models set model = 'new', provider = 'openai' where tenant_id = $1 and name like 'm%'`,
      [tenant_id],
    );
    const rows = await logOf(tenant_id, from);
    expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, i) => from + 1 + i));
    expect(rows.slice(0, 300).map(({ action }) => action)).toEqual(Array(300).fill('insert'));
    expect(rows.slice(300).map(({ action, changed }) => [action, changed])).toEqual(
      Array(200).fill(['update', ['model']]),
    );
  });

  test('stores nothing for a transaction or savepoint that is rolled back', async () => {
    const tenant_id = await makeTenant(db.pool);
    const from = await endOf(tenant_id);
    const client = await testClient(db.pool);
    await client.query('begin');
    await makeModel(client, { tenant_id });
    await client.query('rollback');
    await client.query('begin; savepoint one');
    await makeModel(client, { tenant_id });
    await client.query('rollback to savepoint one');
    const committedId = await makeModel(client, { tenant_id });
    await client.query('savepoint two');
    await makeModel(client, { tenant_id });
    await client.query('rollback to savepoint two; commit');
    expect((await logOf(tenant_id, from)).map(({ object_id }) => object_id)).toEqual([committedId]);
    expect(await all(db.pool, 'select from howdah_private.audit_inbox')).toEqual([]);
    expect(await all(db.pool, 'select from howdah_private.audit_pending')).toEqual([]);
  });
});

describe('actor and client of an audit row', () => {
  test('come from the settings of the API, but not of any other session', async () => {
    const tenant_id = await makeTenant(db.pool);
    const { id } = await one(
      db.pool,
      `insert into howdah.users (tenant_id, username, role) values ($1, 'ada', 'admin') returning id`,
      [tenant_id],
    );
    const from = await endOf(tenant_id);
    const key = randomUUID();
    const settings = {
      'howdah.tenant_id': tenant_id,
      'howdah.user_id': id,
      'howdah.role': 'admin',
      'howdah.api_key_id': key,
      'howdah.client': 'graphql 203.0.113.7',
    };
    await committed(db.pool, async (client) => {
      for (const [name, value] of Object.entries(settings)) {
        await client.query('select set_config($1, $2, true)', [name, value]);
      }
      await client.query('set local role howdah_app');
      await client.query(`insert into howdah.agents (name) values ('by ada')`);
    });
    const login = `audit_${randomUUID().slice(0, 8)}`;
    await db.pool.query(`create role ${login} login password 'x'; grant howdah_app to ${login}`);
    await db.pool.query(
      `insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, 'admin')`,
      [login, tenant_id],
    );
    const url = new URL(db.url);
    url.username = login;
    url.password = 'x';
    const session = await openSession(url.href);
    for (const [name, value] of Object.entries({ ...settings, application_name: 'reports' })) {
      await session.query('select set_config($1, $2, false)', [name, value]);
    }
    await session.query(`insert into howdah.agents (name) values ('by a login')`);
    await session.end();
    await db.pool.query(
      `drop owned by ${login}; delete from howdah_private.login_tenants where login = '${login}'; drop role ${login}`,
    );
    const rows = (await logOf(tenant_id, from)).filter(({ object }) => object === 'agents');
    expect(rows).toMatchObject([
      { actor: 'ada', user_id: id, api_key_id: key, client: 'graphql 203.0.113.7' },
      {
        ...{ actor: login, login, user_id: null, api_key_id: null },
        client: expect.stringMatching(/^sql reports (\d|local|::)/),
      },
    ]);
  });
});

describe('audit of run controls', () => {
  let tenant: string;
  let agent_id: string;
  let worker: string;
  beforeAll(async () => {
    tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
    agent_id = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const digestOf = async (said: unknown) =>
    (
      await one(db.pool, `select sha256(convert_to($1::jsonb::text, 'UTF8')) as d`, [
        JSON.stringify(said),
      ])
    ).d;
  const questionOf = async (kind: string) => {
    const id = await makeRun(db.pool, { agent_id });
    const [run] = await claim(db.pool, worker, [id]);
    await commit(db.pool, worker, [
      {
        ...{ id, fence: run?.fence, after: run?.step_count },
        steps: [answer],
        to: { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 },
      },
    ]);
    const question = await one(
      db.pool,
      `insert into howdah.questions (execution_id, root_execution_id, kind, call_id, prompt, tool_call)
       values ($1, $1, $2, 'a', 'May I?', '{"name": "t"}') returning id`,
      [id, kind],
    );
    return { execution_id: id, question_id: question.id };
  };
  /** Returns the rows that one statement adds to the audit log. */
  const logOfStatement = async (text: string, values: unknown[]) => {
    const from = await endOf(tenant);
    await db.pool.query(text, values);
    return logOf(tenant, from);
  };

  test('stores one row with the previous status of the run', async () => {
    const id = await makeRun(db.pool, { agent_id });
    for (const [name, status] of [
      ['pause', 'queued'],
      ['resume', 'paused'],
      ['cancel', 'queued'],
      ['retry', 'cancelled'],
    ]) {
      expect(await logOfStatement(`select howdah.${name}_execution($1)`, [id])).toMatchObject([
        { action: name, object: 'executions', object_id: id, detail: { status }, changed: null },
      ]);
    }
    const [forked] = await logOfStatement('select howdah.fork_execution($1, 0, $2)', [id, 'Anew']);
    expect(forked).toMatchObject({
      ...{ action: 'fork', object_id: id, after_digest: await digestOf('Anew') },
      detail: { status: 'queued', seq: 0, fork_id: expect.any(String) },
    });
    expect(await logOfStatement('select howdah.add_input($1, $2)', [id, 'Hurry.'])).toMatchObject([
      {
        ...{ action: 'add_input', object_id: id },
        after_digest: await digestOf({ content: 'Hurry.', input_parts: null }),
      },
    ]);
  });

  test.each([
    ['approval', `select howdah.approve($1)`, 'approve'],
    ['approval', `select howdah.reject($1, 'no')`, 'reject'],
    ['approval', `select howdah.answer_question($1, 'reject')`, 'reject'],
    ['question', `select howdah.answer_question($1, 'Yes.')`, 'answer'],
    ['effect', `select howdah.answer_question($1, 'give_up')`, 'answer'],
  ])('stores an answer to a question of kind %s: %s', async (kind, text, action) => {
    const { execution_id, question_id } = await questionOf(kind);
    expect(await logOfStatement(text, [question_id])).toMatchObject([
      {
        ...{
          action,
          object: 'questions',
          object_id: question_id,
          after_digest: expect.any(Buffer),
        },
        detail: { kind, execution_id },
      },
    ]);
  });

  test('stores nothing for a control that is rejected or has no effect', async () => {
    const id = await makeRun(db.pool, { agent_id });
    await finish(db.pool, worker, id);
    const from = await endOf(tenant);
    await refusal(db.pool.query('select howdah.cancel_execution($1)', [id]));
    await refusal(db.pool.query('select howdah.pause_execution($1)', [id]));
    expect(await logOf(tenant, from)).toEqual([]);
  });

  test('stores one row for each run of a statement', async () => {
    await db.pool.query(
      `insert into howdah.executions (agent_id, input, metadata) select $1, 'x', '{"many": 1}' from generate_series(1, 50)`,
      [agent_id],
    );
    const rows = await logOfStatement(
      `select howdah.cancel_execution(id) from howdah.executions where metadata @> '{"many": 1}'`,
      [],
    );
    expect(rows.map(({ action }) => action)).toEqual(Array(50).fill('cancel'));
    expect(new Set(rows.map(({ object_id }) => object_id)).size).toBe(50);
  });

  test('stores nothing for the engine: claims, commits, ends, schedules, deadlines', async () => {
    const schedule = await one(
      db.pool,
      `insert into howdah.schedules (name, cron, agent_id, input, overlap_policy)
       values ('each', '0 0 1 1 *', $1, 'x', 'cancel') returning id`,
      [agent_id],
    );
    const { question_id } = await questionOf('question');
    const fire = async () => {
      await db.pool.query(
        `update howdah.schedules set next_at = now() - interval '1 second' where id = $1`,
        [schedule.id],
      );
      await db.pool.query('select howdah_private.fire_schedules()');
    };
    const from = await endOf(tenant);
    await fire();
    await fire();
    await db.pool.query(
      `update howdah.questions set expires_at = now() - interval '1 second', default_answer = 'x' where id = $1`,
      [question_id],
    );
    await db.pool.query('select howdah_private.expire_questions()');
    await finish(db.pool, worker, await makeRun(db.pool, { agent_id }));
    expect(
      await all(
        db.pool,
        `select status from howdah.executions where metadata @> '{"schedule": "each"}' order by id`,
      ),
    ).toEqual([{ status: 'cancelled' }, { status: 'queued' }]);
    expect(await logOf(tenant, from)).toEqual([]);
  });
});

describe('the audit chain', () => {
  test('has no fork and no gap with 20 writers', async () => {
    const tenants = [await makeTenant(db.pool), await makeTenant(db.pool)];
    const from = await Promise.all(tenants.map(endOf));
    const sessions = await Promise.all(Array.from({ length: 20 }, () => openSession(db.url)));
    await Promise.all(
      sessions.map(async (session) => {
        for (let i = 0; i < 4; i += 1) {
          await session.query('begin');
          await makeModel(session, { tenant_id: tenants[i % 2] });
          await makeModel(session, { tenant_id: tenants[(i + 1) % 2] });
          await session.query(i === 3 ? 'rollback' : 'commit');
        }
        await session.end();
      }),
    );
    for (const [index, tenant] of tenants.entries()) {
      const rows = await logOf(tenant, from[index]);
      expect(rows.map(({ seq }) => seq)).toEqual(
        Array.from({ length: 60 }, (_, i) => (from[index] ?? 0) + 1 + i),
      );
    }
    const chains = await verifyAudit(db.pool);
    expect(chains.filter(({ tenant_id }) => tenants.includes(tenant_id))).toMatchObject(
      tenants.map(() => ({ rows: (from[0] ?? 0) + 60 })),
    );
  });

  test('is locked at commit only, even after constraints were checked earlier', async () => {
    const tenant_id = await makeTenant(db.pool);
    const client = await testClient(db.pool);
    await client.query('begin');
    await makeModel(client, { tenant_id });
    for (const statement of ['set constraints all immediate', 'set constraints all immediate']) {
      await client.query(statement);
      await makeModel(client, { tenant_id });
    }
    await committed(db.pool, async (other) => {
      await other.query(`set local lock_timeout = '5s'`);
      await makeModel(other, { tenant_id });
    });
    await client.query('commit');
    const log = await logOf(tenant_id);
    const models = log.filter(({ object }) => object === 'models').map(({ seq }) => seq);
    const seeded = log.length - 4; // the default model of the tenant comes first
    expect(models).toEqual([1, ...[1, 2, 3, 4].map((place) => seeded + place)]);
  });

  const apply = async (client: Db, name: string) => {
    const file = replaceableFiles().find(({ path }) => path.endsWith(name));
    await client.query(`set local role howdah_owner; ${file?.text}; reset role`);
  };

  test('includes changes that a migration makes before the triggers are recreated', async () => {
    const tenant_id = await makeTenant(db.pool);
    const from = await endOf(tenant_id);
    await committed(db.pool, async (client) => {
      await makeModel(client, { tenant_id });
      await apply(client, '30_triggers/audit.sql');
      await makeModel(client, { tenant_id });
    });
    expect((await logOf(tenant_id, from)).map(({ action }) => action)).toEqual([
      'insert',
      'insert',
    ]);
  });

  test('starts for a tenant that is older than the log', async () => {
    const tenant_id = await makeTenant(db.pool);
    const started = await rolledBack(db.pool, async (client) => {
      await client.query('set local session_replication_role = replica');
      for (const table of ['howdah.audit_log', 'howdah_private.audit_heads']) {
        await client.query(`delete from ${table} where tenant_id = $1`, [tenant_id]);
      }
      await client.query('set local session_replication_role = origin');
      await apply(client, '98_seed.sql');
      await apply(client, '98_seed.sql'); // the second call adds no row
      return all(client, 'select tenant_id, action, object from howdah_private.audit_inbox');
    });
    expect(started).toEqual([{ tenant_id, action: 'begin', object: 'audit_log' }]);
  });

  test('is readable by admins and owners of its tenant only, and writable by no role', async () => {
    const [mine, other] = [await makeTenant(db.pool), await makeTenant(db.pool)];
    for (const [role, seen] of [
      ['owner', [{ tenant_id: mine }]],
      ['admin', [{ tenant_id: mine }]],
      ['member', []],
      ['viewer', []],
    ] as const) {
      const settings = { 'howdah.tenant_id': mine, 'howdah.role': role };
      await asRole(db.pool, 'howdah_app', settings, async (client) => {
        const rows = await all(client, 'select distinct tenant_id from howdah.audit_log');
        expect({ role, rows }).toEqual({ role, rows: seen });
      });
    }
    for (const statement of [
      `insert into howdah.audit_log select * from howdah.audit_log`,
      `update howdah.audit_log set actor = 'x'`,
      `delete from howdah.audit_log`,
      `truncate howdah.audit_log`,
      `select * from howdah_private.audit_heads`,
      `select howdah_private.audit_action('${other}', 'cancel', 'executions', 'x')`,
    ]) {
      await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': mine }, async (client) => {
        expect(await refusal(client.query(statement))).toMatchObject({ code: '42501' });
      });
    }
  });
});
