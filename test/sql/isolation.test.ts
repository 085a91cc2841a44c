import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../support/database.ts';
import {
  absentId,
  argumentsFor,
  callables,
  callStatement,
  columnsFor,
  deletableTables,
  idsFor,
  rowsOf,
} from './isolation-catalog.ts';
import { all, asRole, makeAgent, makeRun, one, takeRole } from './support.ts';
import { emptyTables, MARK, makeTwoTenants } from './two-tenants.ts';

// One tenant tries everything it has privileges for against the rows of another tenant. Tables,
// columns and functions are read from the catalogue, so that new ones are covered automatically.
// For a row of another tenant, every result has to be identical to the result for a row that does
// not exist.

/**
 * Functions that bypass row-level security and that tenants may call, with what separates the
 * tenants in each.
 */
const REVIEWED: Record<string, string> = {
  redeliver: 'deliveries of current_tenant(), by id',
  accept_mcp_tool: 'servers of current_tenant(), by name',
  add_input: 'lock_for_control()',
  answer_question: 'lock_question()',
  answer_questions: 'lock_questions()',
  approve: 'lock_question()',
  cancel_execution: 'lock_for_control()',
  cancel_executions: 'controllable_runs()',
  connect_account: 'find_integration() of current_tenant(), then account_user()',
  create_api_key: 'current_tenant(), and a user of it',
  current_scopes: 'the session itself',
  current_tenant: 'the session itself',
  current_user_role: 'the session itself',
  definition_author: 'the session itself, or the run whose SQL it is, with current_tenant()',
  delete_agent: 'current_tenant(), looked for with the id',
  delete_workflow: 'current_tenant(), looked for with the id',
  agent_permission: 'agents and workflows of current_tenant(), looked for with the id',
  agent_row: 'current_tenant(), looked for with the id',
  await_worker: 'runs and settings of current_tenant()',
  bind_chat: 'sessions and runs of current_tenant() and of who asks',
  check_named_members: 'workflows of current_tenant(), looked for with the id',
  disconnect_account: 'can_act_for(), and the own account or permit()',
  drop_own_secret: 'secrets of current_tenant(), then permit()',
  uncounted_usage: 'runs of current_tenant() that no grant hides, or of all for an owner',
  tested_row: 'models of current_tenant(), looked for with the id, after permit()',
  tested_row_cost: 'its arguments alone',
  unsaved_model_test_cost: 'prices of the catalogue, the same for all tenants',
  take_request_key: 'keys of current_tenant() and of who asks, for sessions of the API alone',
  verified_binding: 'what a worker signed for this transaction',
  workflow_row: 'current_tenant(), looked for with the id',
  erase_user: 'find_user()',
  explain_execution: 'execution_row()',
  execution_row: 'current_tenant(), looked for with the id',
  find_runs: 'runs of current_tenant(), except hidden_agents()',
  runs_of: 'runs of current_tenant(), except hidden_agents()',
  search: 'knowledge bases of current_tenant()',
  words_of_question: 'knowledge bases of current_tenant(), looked for with the id',
  embed_query: 'knowledge bases of current_tenant()',
  rerank_query: 'knowledge bases of current_tenant()',
  fit_ranking: 'permit(), knowledge_base() and dataset_named() of current_tenant()',
  item_of_run: 'the run of the tenant whose agent the caller sees',
  knowledge_bases_state: 'documents and knowledge bases of current_tenant(), by the id',
  live_judges: 'runs that judge results of evaluations of current_tenant()',
  mark_cancelled: 'evaluations of current_tenant(), looked for with the id, then permit()',
  regrade_results: 'evaluations of current_tenant(), looked for with the id, then permit()',
  start_grading: 'runs, data sets, agents and graders of current_tenant(), then permit()',
  start_evaluation: 'data sets, agents and graders of current_tenant(), then permit()',
  replay_searches: 'searches of current_tenant(), except those of hidden agents and other people',
  remember: 'find_memory_subject()',
  correct_memory: 'lock_memory()',
  forget: 'lock_memory()',
  pin_memory: 'lock_memory()',
  propose_memory: 'lock_memory()',
  approve_memory: 'lock_proposal(): can_act_for(), and sees_agent()',
  reject_memory: 'lock_proposal()',
  exported_memories_of_run: 'can_act_for(), and sees_agent()',
  recall: 'current_tenant(), or find_memory_subject()',
  find_watched_rows: 'watches of current_tenant(), and runs that sees_run() shows',
  export_user_data: 'find_user()',
  give_feedback: 'runs of current_tenant(), looked for with the id',
  own_watched_table: 'watches of current_tenant(), looked for with the id',
  register_follower: 'runs of current_tenant(), looked for with the id',
  fork_execution: 'lock_for_control()',
  lower_trust_to_source:
    'runs of current_tenant(), looked for with the id, then check_control_right()',
  grade: 'gradable_result(), then sees_agent()',
  hidden_agents: 'agents of current_tenant()',
  check_audit_log: 'the log of current_tenant(), then permit()',
  check_runs: 'runs of current_tenant(), then check_admin()',
  live_workers: 'workers that take runs of current_tenant(), with the number of its runs',
  set_batch_job_pause: 'no tenant: for can_pause_batch_jobs()',
  tenant_batch_jobs: 'work of current_tenant(); whether a job is paused has no tenant',
  is_history_changed: 'runs of current_tenant(), and hidden_agents() of whoever asks',
  is_any_worker_alive: 'tells of the installation, which has no tenant',
  store_request_answer: 'keys of current_tenant() and of who asks, for sessions of the API alone',
  may: 'the role of the session and grants of current_tenant()',
  accept_mcp_prompt: 'a server of current_tenant(), by name',
  mcp_log_level: 'sessions of current_tenant()',
  offered_tools: 'agents and workflows of current_tenant()',
  pause_execution: 'lock_for_control()',
  pause_executions: 'controllable_runs()',
  permit: 'the role of the session',
  check_agent_right: 'agent_permission()',
  check_control_right: 'says what it was given',
  check_default_right: 'says what it was given',
  check_session_right: 'find_session()',
  check_tool_right: 'tools of current_tenant(), then check_agent_right()',
  put_secret:
    'writes rows of current_tenant(); takes an id only from who knows that of its data key, which nobody is told',
  missing_secrets: 'tools and secrets of current_tenant()',
  notice_misspelt_model: 'none, only the catalogue of models',
  put_signing_key: 'webhooks and secrets of current_tenant()',
  signing_key_name: 'webhooks and secrets of current_tenant()',
  limit_use: 'current_tenant(), looked for with the id',
  is_provider_reported: 'says what hosts of the installation report, nothing of a tenant',
  is_address_open: 'says what an operator opens to everybody, nothing of a tenant',
  owns_machine: 'says whether the login is the API without login; writes nothing',
  reserve_run_key: 'reserve_idempotency_key() in current_tenant()',
  faulty_workflows: 'workflows of current_tenant() that the caller sees',
  check_builtin_settings: 'looks at what it was given, and for secrets of current_tenant()',
  check_engine: 'looks at what it was given',
  check_http_tool: 'looks at what it was given, and for secrets of current_tenant()',
  check_mcp_server: 'looks at what it was given, and for a model of a tenant it may act for',
  check_part_owner: 'systems of current_tenant(), for who may read them',
  check_question_settings: 'looks at what it was given',
  check_result_limit: 'looks at what it was given',
  check_sub_run_settings: 'looks at what it was given',
  check_system_shape: 'looks at what it was given',
  check_value_names: 'looks at what it was given',
  check_workflow_configuration: 'looks at what it was given',
  rendered_prompt: 'looks at what it was given',
  reject: 'lock_question()',
  remove_secret: 'secrets of current_tenant()',
  reserve_idempotency_key: 'refuses a tenant that is not the current one',
  resume_execution: 'lock_for_control()',
  resume_executions: 'controllable_runs()',
  retry_execution: 'lock_for_control()',
  retry_executions: 'controllable_runs()',
  revoke_api_key: 'current_tenant(), looked for with the id',
  run_schedule: 'current_tenant(), looked for with the id, then check_session_right()',
  sealed_in_place: 'runs of current_tenant(), and only texts that the caller has',
  sees_agent: 'hidden_agents() of whoever asks, which knows no other tenant',
  sees_run: 'runs of current_tenant(), except those of hidden_agents()',
  secrets_used_elsewhere: 'permit(), then rows of current_tenant()',
  send_message: 'find_session()',
  fork_session: 'find_session()',
  session_state: 'find_session()',
  set_mcp_log_level: 'sessions of current_tenant()',
  setting_values: 'rows of current_tenant() and of the system, whose numbers hold for it',
  save_system_row: 'rows of current_tenant(), by name',
  subscribe_mcp_to: 'sessions of current_tenant()',
  switch_agent: 'find_session()',
  test_model: 'models of current_tenant(), by name or id',
  system_rows: 'rows of current_tenant(), by name',
  unsubscribe_mcp_from: 'sessions of current_tenant()',
  unusable_models: 'models and agents of current_tenant()',
};

/**
 * Reviewed functions that tenants may not call, but other roles may. howdah_tool and howdah_reader
 * run SQL of tenants, bound to a run. howdah_authenticator acts for admitted callers, after
 * row-level security has shown it the ids.
 */
const REVIEWED_OF_OTHERS: Record<string, string> = {
  'howdah_authenticator announce_unanswered': 'announces to processes of ours',
  'howdah_authenticator caller_binding': 'signs current_tenant() and who asks',
  'howdah_authenticator channel': 'the name of a channel, which nobody else learns',
  'howdah_authenticator count_refused_deliveries': 'hooks it has found; only adds to numbers',
  'howdah_authenticator count_requests': 'tenants and users it let in',
  'howdah_authenticator count_requests_of': 'tenants it let in',
  'howdah_authenticator execution_states': 'runs it has shown',
  'howdah_authenticator find_inbound_hooks': 'hooks at an address; it verifies requests by them',
  'howdah_authenticator live_runs': 'sessions it has shown',
  'howdah_authenticator mcp_subscriptions': 'sessions of callers it let in',
  'howdah_authenticator order_trees': 'trees of runs it has shown; only gives steps an order',
  'howdah_authenticator receive_delivery': 'a hook of current_tenant(), by its id',
  'howdah_authenticator session_messages_after': 'sessions it has shown',
  'howdah_authenticator steps_after': 'runs it has shown',
  'howdah_authenticator tree_rows_after':
    'trees of runs it has shown; it leaves out runs below that the caller may not see',
  'howdah_authenticator tree_states': 'trees of runs it has shown',
  'howdah_authenticator unwatch': 'runs it follows',
  'howdah_authenticator watch': 'runs it has shown',
  'howdah_reader run_read_query': 'runs as howdah_reader itself',
  'howdah_tool plan_watch': 'runs as howdah_tool itself',
  'howdah_tool run_as_tool_role': 'runs as howdah_tool itself',
  'howdah_tool watched_documents': 'runs as howdah_tool itself',
  'howdah_tool watched_inputs': 'runs as howdah_tool itself',
  'howdah_writer write_bound': 'runs as howdah_writer itself',
};

/** Functions by which a viewer writes, and why that is allowed. */
const WRITTEN_BY_VIEWERS: Record<string, string> = {
  bind_chat: 'the chat of a session of his own',
  register_follower: 'has the steps of a run announced, for two minutes; one row for each run',
  set_mcp_log_level: 'a session of MCP whose id he made himself',
  subscribe_mcp_to: 'a session of MCP whose id he made himself',
  take_request_key: 'a key of his own; here, where the login is trusted as that of the API is',
};
/** Tables with rows that functions take by id. */
const TABLES_WITH_IDS =
  'agents agent_systems api_keys executions limits mcp_servers questions schedules sessions tools users webhook_deliveries workflows';

/**
 * Keys without tenant_id whose columns a tenant may all write, with the check that rejects rows of
 * another tenant first.
 */
const KEYS_OF_PARTS: Record<string, string> = {
  agent_knowledge_bases_pkey: 'agent_id: check_agent_right()',
  agent_models_pkey: 'agent_id: check_agent_right()',
  agent_servers_pkey: 'agent_id: check_agent_right(); server_id would not be enough',
  agent_skills_pkey: 'agent_id: check_agent_right(); skill_id would not be enough',
  agent_tools_pkey: 'agent_id: check_agent_right(); tool_id would not be enough',
  settings_of_the_system_key:
    'rows of the scope system, which no tenant writes: refused before a key is looked for',
};

/**
 * Functions that create a row for the caller and return it. Its id and digest differ in each call.
 */
const CREATING_FUNCTIONS = new Set([
  'howdah_private.save_system_row',
  'howdah_private.await_worker',
  'howdah.use_analyst',
]);
const withoutNewIds = (outcome: Outcome): Outcome =>
  'rows' in outcome
    ? {
        rows: outcome.rows.map((row) =>
          `${row}`.replace(
            /("(id|digest|absent_since|use_analyst)\\?":\\?")[0-9a-f-]+[T0-9:.Z]*/g,
            '$1NEW',
          ),
        ),
      }
    : outcome;

type Outcome = { code: string; message: string; detail: string } | { rows: unknown[] };

describe('isolation between tenants', { timeout: 600_000 }, () => {
  const db = testDatabase();
  let a: string;
  let b: string;
  /** The ids of tenant b, by table. */
  let theirs: Record<string, string[]>;
  /** The number of checks of each kind. */
  const checked: Record<string, number> = {};

  beforeAll(async () => {
    ({ a, b } = await makeTwoTenants(db.pool));
    theirs = await rowsOf(db.pool, b, 9);
  });
  afterAll(async () => {
    console.info(`isolation in SQL, walked: ${JSON.stringify(checked)}`);
  });

  const asA = <T>(work: (client: pg.PoolClient) => Promise<T>) =>
    asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': a }, work);
  const allIds = () => Object.values(theirs).flat();
  const oneOfEach = () => Object.values(theirs).flatMap((ids) => ids.slice(0, 1));

  /** Returns the result of a statement. The ids and words in `hide` are replaced by a constant. */
  const outcome = async (
    client: pg.PoolClient,
    text: string,
    values: unknown[],
    hide: string[],
  ): Promise<Outcome> => {
    const same = (value: unknown) =>
      hide.reduce(
        (said, id) => said.replace(new RegExp(id, 'gi'), 'THAT'),
        JSON.stringify(value ?? ''),
      );
    await client.query('savepoint attempt');
    try {
      const { rows } = await client.query(text, values);
      return { rows: rows.map((row) => same(row)) };
    } catch (error) {
      const { code, message, detail } = error as { code: string; message: string; detail?: string };
      return { code, message: same(message), detail: same(detail) };
    } finally {
      await client.query('rollback to savepoint attempt');
    }
  };

  test('the fixtures contain a row of each tenant in every table', async () => {
    expect(await emptyTables(db.pool, a)).toEqual([]);
    expect(await emptyTables(db.pool, b)).toEqual([]);
  });

  test('no table or view shows a row of another tenant', async () => {
    const relations = await columnsFor(db.pool, 'select');
    expect(relations.length).toBeGreaterThan(25);
    const read = relations.reduce((sum, { columns }) => sum + columns.length, 0);
    Object.assign(checked, { 'tables and views': relations.length, columns: read });
    await asA(async (client) => {
      for (const { name, columns } of relations) {
        const rows = await all(client, `select ${columns.join(', ')} from howdah.${name}`);
        const said = JSON.stringify(rows);
        const found = [MARK, b, ...allIds()].filter((secret) => said.includes(secret));
        expect({ name, found }).toEqual({ name, found: [] });
      }
    });
  });

  test('no statement changes a row of another tenant', async () => {
    const digest = async () => {
      const digests: Record<string, string> = {};
      for (const name of Object.keys(theirs)) {
        const { digest } = await one(
          db.pool,
          `select md5(string_agg(t::text, '|' order by t::text)) as digest from howdah.${name} as t where tenant_id = $1`,
          [b],
        );
        digests[name] = digest;
      }
      return digests;
    };
    const before = await digest();
    for (const { name, columns } of await columnsFor(db.pool, 'update')) {
      await asA(async (client) => {
        for (const column of columns) {
          const text = `update howdah.${name} set ${column} = ${column} where ${keyOf(name)} = any ($1) returning 1`;
          const got = await outcome(client, text, [theirs[name] ?? theirs.agents], []);
          expect({ name, column, got }).toEqual({ name, column, got: { rows: [] } });
        }
        await client.query('reset role'); // undo changes to rows of a
      });
    }
    const deletable = await deletableTables(db.pool);
    await asA(async (client) => {
      for (const name of deletable) {
        const text = `delete from howdah.${name} where ${keyOf(name)} = any ($1) returning 1`;
        const got = await outcome(client, text, [theirs[name] ?? theirs.agents], []);
        expect({ name, got }).toEqual({ name, got: { rows: [] } });
      }
    });
    expect(await digest()).toEqual(before);
  });

  test('no foreign key can refer to a row of another tenant', async () => {
    const written = new Map<string, string[]>();
    for (const { name, columns } of await columnsFor(db.pool, 'insert')) written.set(name, columns);
    let references = 0;
    await asA(async (client) => {
      for (const [name, columns] of written) {
        const [own] = await all(
          client,
          `select to_jsonb(t) as row from (select ${await readable(name)} from howdah.${name}) as t limit 1`,
        );
        for (const column of columns.filter((one) => one.endsWith('_id'))) {
          references += 1;
          const insert = `insert into howdah.${name} (${columns.filter((one) => one !== 'id').join(', ')})
            select ${columns.filter((one) => one !== 'id').join(', ')}
            from jsonb_populate_record(null::howdah.${name}, $1::jsonb)`;
          const attempt = (id: string) => {
            const row = { ...own?.row, bytes: null, sha256: null, [column]: id };
            return outcome(client, insert, [JSON.stringify(row)], [id]);
          };
          const absent = await attempt(absentId(b));
          for (const id of idsFor(theirs, column)) {
            const got = await attempt(id);
            expect({ name, column, got }).toEqual({ name, column, got: absent });
            expect({ name, column, refused: 'code' in got }).toEqual({
              name,
              column,
              refused: true,
            });
          }
        }
      }
    });
    expect(references).toBeGreaterThan(10);
    Object.assign(checked, { references });
  });

  test('no insert waits for a lock on a row of another tenant', async () => {
    const checked = { rows: 0, functions: 0 };
    const holder = await db.pool.connect();
    try {
      await holder.query('begin');
      for (const name of Object.keys(theirs)) {
        await holder.query(`select from howdah.${name} where tenant_id = $1 for update`, [b]);
      }
      await asA(async (client) => {
        await client.query(`set local lock_timeout = '300ms'`);
        for (const { name, columns, ids } of await columnsFor(db.pool, 'insert')) {
          const [own] = await all(
            client,
            `select to_jsonb(t) as row from (select ${await readable(name)} from howdah.${name}) as t limit 1`,
          );
          const insert = `insert into howdah.${name} (${columns.join(', ')}) select ${columns.join(', ')}
            from jsonb_populate_record(null::howdah.${name}, $1::jsonb)`;
          for (const column of ids) {
            for (const id of idsFor(theirs, column)) {
              const row = { ...own?.row, bytes: null, sha256: null, [column]: id };
              const got = await outcome(client, insert, [JSON.stringify(row)], [id]);
              expect({ name, column, got }).not.toMatchObject({ got: { code: '55P03' } });
              checked.rows += 1;
            }
          }
        }
        for (const called of await callables(db.pool)) {
          if (!called.types.includes('uuid')) continue;
          for (const id of Object.values(theirs).flatMap((ids) => ids.slice(0, 1))) {
            const args = argumentsFor(called, id, MARK);
            const got = await outcome(client, callStatement(called), args, [id]);
            expect({ called, got }).not.toMatchObject({ got: { code: '55P03' } });
            checked.functions += 1;
          }
        }
      });
      expect(checked.rows).toBeGreaterThan(50);
      expect(checked.functions).toBeGreaterThan(100);
    } finally {
      await holder.query('rollback');
      holder.release();
    }
  });

  test('no unique key conflicts with a row of another tenant', async () => {
    const keys = await all(
      db.pool,
      `select i.indexrelid::regclass::text as name,
         coalesce(bool_or(x.attname = 'tenant_id'), false) as has_tenant,
         -- an expression is nobody's to judge
         coalesce(bool_and(k.attnum = 0 or has_column_privilege('howdah_app', i.indrelid, k.attnum, 'insert, update')),
           true) as is_written
       from pg_index as i join pg_class as c on c.oid = i.indrelid
       cross join lateral unnest(i.indkey[0:i.indnkeyatts - 1]) as k (attnum)
       left join pg_attribute as x on x.attrelid = i.indrelid and x.attnum = k.attnum
       where i.indisunique and c.relnamespace = 'howdah'::regnamespace and not c.relispartition
       group by i.indexrelid order by 1`,
    );
    expect(keys.length).toBeGreaterThan(40);
    const open = keys.filter(({ has_tenant, is_written }) => is_written && !has_tenant);
    expect(open.map(({ name }) => name.replace('howdah.', ''))).toEqual(Object.keys(KEYS_OF_PARTS));
    Object.assign(checked, { 'unique keys': keys.length });
  });

  test('a chosen id does not reveal whether another tenant has it', async () => {
    const { id } = await one(db.pool, 'select id from howdah.agents where tenant_id = $1 limit 1', [
      b,
    ]);
    await asA(async (client) => {
      for (const taken of [id, absentId(id)]) {
        expect(
          await outcome(
            client,
            'insert into howdah.agents (id, name) values ($1, $2)',
            [taken, 'x'],
            [],
          ),
        ).toMatchObject({ code: '42501', message: '"permission denied for table agents"' });
      }
    });
  });

  /** Returns the key column of a table. Parts of agents have no id. */
  const keyOf = (name: string) => (theirs[name] ? 'id' : 'agent_id');
  const readable = async (name: string) =>
    (await columnsFor(db.pool, 'select')).find((one) => one.name === name)?.columns.join(', ') ??
    '*';

  const ABSENT_NAME = MARK.replace(/b$/, 'c');

  test('no function with arguments reveals data of another tenant', async () => {
    const functions = await callables(db.pool);
    let calls = 0;
    await asA(async (client) => {
      for (const called of functions) {
        const { signature, types, rows } = called;
        const isForged = types.some((type) => type.startsWith('jsonb')) || rows.includes(true);
        for (const tenant of isForged ? [undefined, b] : [undefined]) {
          const call = async (id: string, word: string) => {
            const args = argumentsFor(called, id, word, tenant);
            const got = await outcome(client, callStatement(called), args, [id, word]);
            return CREATING_FUNCTIONS.has(called.name) ? withoutNewIds(got) : got;
          };
          // The absent name is as similar to names of the caller as that of the other tenant is.
          // Hints may suggest similar names of the caller.
          const absent = await call(absentId(b), ABSENT_NAME);
          const takesId = types.some((type) => type.startsWith('uuid'));
          // results for a word do not depend on the id
          const few = tenant === undefined ? allIds().slice(0, 1) : oneOfEach();
          for (const id of takesId && tenant === undefined ? allIds() : few) {
            calls += 1;
            expect({ signature, got: await call(id, MARK) }).toEqual({ signature, got: absent });
          }
        }
      }
    });
    expect(calls).toBeGreaterThan(300);
    Object.assign(checked, { functions: functions.length, calls });
  });

  test('no function without arguments reveals data of another tenant', async () => {
    const functions = await all(
      db.pool,
      `select p.oid::regproc::text as name from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
       where n.nspname in ('howdah', 'howdah_private') and p.prorettype <> 'trigger'::regtype and p.pronargs = p.pronargdefaults
         and p.prokind = 'f' and has_function_privilege('howdah_app', p.oid, 'execute') order by 1`,
    );
    expect(functions.length).toBeGreaterThan(5);
    await asA(async (client) => {
      for (const { name } of functions) {
        const said = JSON.stringify(await outcome(client, `select * from ${name}()`, [], []));
        const found = [MARK, b, ...allIds()].filter((secret) => said.includes(secret));
        expect({ name, found }).toEqual({ name, found: [] });
      }
    });
  });

  test('roles of tenants can access no relation outside these tests', async () => {
    const elsewhere = await all(
      db.pool,
      `select r.rolname as role, c.oid::regclass::text as name from pg_class as c
       cross join pg_roles as r join pg_namespace as n on n.oid = c.relnamespace
       where r.rolname in ('howdah_app', 'howdah_analyst', 'howdah_tool', 'howdah_reader')
         and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
         and (n.nspname <> 'howdah' or c.relkind not in ('r', 'p', 'v') or c.relispartition)
         and case c.relkind when 'S' then has_sequence_privilege(r.oid, c.oid, 'usage, select, update')
           else c.relkind in ('r', 'p', 'v', 'm', 'f') and (
             has_table_privilege(r.oid, c.oid, 'select, insert, update, delete, truncate, references, trigger')
             or has_any_column_privilege(r.oid, c.oid, 'select, insert, update, references')) end
         -- walked as execution_counters, whose reader needs the right to read it
         and c.oid not in ('howdah_private.run_heads'::regclass, 'howdah_private.run_tags'::regclass, 'howdah_private.cached_answers'::regclass, 'howdah_private.searched_bases'::regclass,
             'howdah_private.message_log'::regclass)
       union all
       select r.rolname, p.oid::regprocedure::text from pg_proc as p
       cross join pg_roles as r join pg_namespace as n on n.oid = p.pronamespace
       where r.rolname in ('howdah_app', 'howdah_analyst', 'howdah_tool', 'howdah_reader') and p.prosecdef
         and n.nspname not in ('howdah', 'howdah_private', 'pg_catalog') and has_function_privilege(r.oid, p.oid, 'execute')`,
    );
    expect(elsewhere).toEqual([]);
    const { rows: more } = await db.pool.query(
      `select r.rolname as role, c.relname || '.' || x.attname as name from pg_class as c
       join pg_attribute as x on x.attrelid = c.oid and x.attnum > 0 and not x.attisdropped
       cross join pg_roles as r
       where r.rolname in ('howdah_analyst', 'howdah_tool', 'howdah_reader') and c.relnamespace = 'howdah'::regnamespace
         and c.relkind in ('r', 'p', 'v') and has_column_privilege(r.oid, c.oid, x.attnum, 'select, insert, update')
         and not has_column_privilege('howdah_app', c.oid, x.attnum, 'select, insert, update')`,
    );
    expect(more).toEqual([]);
    // Tables without row-level security, on which the application has privileges.
    const { rows: unbound } = await db.pool.query(
      `select c.oid::regclass::text as name from pg_class as c
       where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
         and has_any_column_privilege('howdah_app', c.oid, 'select, insert, update')`,
    );
    expect(unbound).toEqual([]);
  });

  test('every security definer function is reviewed', async () => {
    const definers = await all(
      db.pool,
      `select distinct p.proname as name from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
       where n.nspname in ('howdah', 'howdah_private') and p.prosecdef and p.prorettype <> 'trigger'::regtype
         and (has_function_privilege('howdah_app', p.oid, 'execute')
           or has_function_privilege('howdah_analyst', p.oid, 'execute'))
       order by 1`,
    );
    expect(definers.map(({ name }) => name)).toEqual(Object.keys(REVIEWED).sort());
    const ofOthers = await all(
      db.pool,
      `select distinct r.rolname || ' ' || p.proname as name from pg_proc as p
       cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
       join (select oid, rolname::text from pg_roles union all select 0, 'public') as r on r.oid = x.grantee
       where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace) and p.prosecdef
         and p.prorettype <> 'trigger'::regtype and p.proname <> all ($1)
         and r.rolname not in ('howdah_owner', 'howdah_engine', 'howdah_eraser', 'howdah_worker')
       order by 1`,
      [Object.keys(REVIEWED)],
    );
    expect(ofOthers.map(({ name }) => name)).toEqual(Object.keys(REVIEWED_OF_OTHERS));
    const { rows: triggers } = await db.pool.query(
      `select p.oid::regprocedure::text as name from pg_proc as p
       where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace) and p.prosecdef and p.prorettype = 'trigger'::regtype
         and (has_function_privilege('howdah_app', p.oid, 'execute') or has_function_privilege('howdah_analyst', p.oid, 'execute'))`,
    );
    expect(triggers).toEqual([]); // a role that may execute one may attach it to its own table
  });

  test('a viewer writes or locks nothing through a function, except those listed', async () => {
    await makeRun(db.pool, {
      tenant_id: a,
      agent_id: await makeAgent(db.pool, { tenant_id: a }),
    });
    // they would let viewers run an agent
    await db.pool.query('delete from howdah.grants where tenant_id = $1', [a]);
    const rows = await rowsOf(db.pool, a, 1);
    const ids = TABLES_WITH_IDS.split(' ').flatMap((table) => rows[table] ?? []);
    expect(ids).toHaveLength(TABLES_WITH_IDS.split(' ').length);
    const definers = new Set(
      (
        await all(
          db.pool,
          `select p.oid::regprocedure::text as signature from pg_proc as p where p.prosecdef and p.prokind = 'f'`,
        )
      ).map(({ signature }) => signature),
    );
    const wrote = new Set<string>();
    const checked = { functions: 0, calls: 0 };
    const client = await db.pool.connect();
    const begin = async () => {
      await client.query('rollback');
      await client.query('begin');
      await takeRole(client, 'howdah_app', { 'howdah.tenant_id': a, 'howdah.role': 'viewer' });
      await client.query('savepoint attempt');
    };
    try {
      await begin();
      for (const called of await callables(db.pool)) {
        if (!definers.has(called.signature)) continue;
        checked.functions += 1;
        const takesId = called.types.some((type) => type.startsWith('uuid'));
        for (const id of takesId ? ids : ids.slice(0, 1)) {
          checked.calls += 1;
          // A transaction that writes or locks has a transaction id.
          const text = `select pg_current_xact_id_if_assigned() as xid
            from (select count(*) from (${callStatement(called)}) as done offset 0) as counted`;
          try {
            const { xid } = await one(client, text, argumentsFor(called, id, 'word', a));
            if (xid === null) continue;
            wrote.add(called.name.replace(/^.*\./, ''));
            await begin();
          } catch {
            await client.query('rollback to savepoint attempt');
            const { xid } = await one(client, 'select pg_current_xact_id_if_assigned() as xid');
            if (xid !== null) await begin();
          }
        }
      }
    } finally {
      await client.query('rollback');
      client.release();
    }
    console.info(`definer functions, called as a viewer: ${JSON.stringify(checked)}`);
    expect(checked.functions).toBeGreaterThan(50);
    expect([...wrote].sort()).toEqual(Object.keys(WRITTEN_BY_VIEWERS));
  });
});
