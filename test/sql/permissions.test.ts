import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { type UserRole, userRoles } from '../../src/db/access/subjects.ts';
import { testDatabase } from '../support/database.ts';
import {
  all,
  committed,
  failed,
  finish,
  makeAgent,
  makeApiKey,
  makeModel,
  makeRun,
  makeSession,
  makeTenant,
  makeTool,
  makeUser,
  makeWorker,
  one,
  refusedInside,
  rolledBack,
  takeRole,
} from './support.ts';
import { APPLY_AGENT_SYSTEM, TABLE_SAMPLES } from './tables/table-samples.ts';

/** A write statement for each table that the application writes. */
const WRITES: Record<string, string> = Object.fromEntries(
  Object.entries(TABLE_SAMPLES).flatMap(([name, { write }]) => (write ? [[name, write]] : [])),
);

/** Tables that the application writes only through functions. */
const BY_FUNCTION = ['agent_systems', 'feedback_entries', 'grades', 'memories', 'secrets'];

/** A call of each function that acts on runs or definitions, with rows in a suitable state. */
const ACTS: Record<string, string> = {
  run: `select howdah.run('desk', 'x')`,
  set_default_agent: `select howdah.set_default_agent('desk')`,
  restore_agent_version: `select howdah.restore_agent_version(howdah.agent('desk'), 1)`,
  label_agent_version: `select howdah.label_agent_version(howdah.agent('desk'), 1, 'candidate')`,
  label_workflow_version: `select howdah.label_workflow_version(howdah.workflow('nightly'), 1, 'candidate')`,
  label_prompt_version: `select howdah.label_prompt_version(howdah.prompt('greeting'), 1, 'candidate')`,
  restore_workflow_version: `select howdah.restore_workflow_version(howdah.workflow('nightly'), 1)`,
  restore_prompt_version: `select howdah.restore_prompt_version(howdah.prompt('greeting'), 1)`,
  restore_skill_version: `select howdah.restore_skill_version(howdah.skill('refunds'), 1)`,
  delete_prompt: `select howdah.delete_prompt(howdah.prompt('greeting'))`,
  delete_skill: `select howdah.delete_skill(howdah.skill('spare'))`,
  run_workflow: `select howdah.run_workflow('nightly', 'x')`,
  start_session: `select howdah.start_session('desk')`,
  apply_todolist: `select howdah.apply_todolist(id, '- [ ] x') from howdah.sessions`,
  send_message: `select howdah.send_message(id, 'x') from howdah.sessions`,
  fork_session: `select howdah.fork_session(id, 'x') from howdah.sessions`,
  switch_agent: `select howdah.switch_agent(id, 'desk') from howdah.sessions`,
  add_input: `select howdah.add_input(id, 'x') from howdah.executions where status = 'queued' and user_id is null`,
  cancel_execution: `select howdah.cancel_execution(id) from howdah.executions where status = 'queued'`,
  cancel_executions: `select howdah.cancel_executions(array(select id::uuid from howdah.executions where status = 'queued'))`,
  pause_execution: `select howdah.pause_execution(id) from howdah.executions where status = 'queued'`,
  pause_executions: `select howdah.pause_executions(array(select id::uuid from howdah.executions where status = 'queued'))`,
  resume_execution: `select howdah.resume_execution(id) from howdah.executions where status = 'paused'`,
  resume_executions: `select howdah.resume_executions(array(select id::uuid from howdah.executions where status = 'paused'))`,
  retry_execution: `select howdah.retry_execution(id) from howdah.executions where status = 'failed'`,
  retry_executions: `select howdah.retry_executions(array(select id::uuid from howdah.executions where status = 'failed'))`,
  fork_execution: `select howdah.fork_execution(id) from howdah.executions where status = 'failed'`,
  run_schedule: `select howdah.run_schedule(id) from howdah.schedules`,
  delete_agent: `select howdah.delete_agent(howdah.agent('development'))`,
  delete_workflow: `select howdah.delete_workflow(howdah.workflow('nightly'))`,
  remember: `select howdah.remember('x', 'tenant')`,
  correct_memory: `select howdah.correct_memory(id, 'z') from howdah.memories where content = 'y'`,
  pin_memory: `select howdah.pin_memory(id, false) from howdah.memories where content = 'y'`,
  propose_memory: `select howdah.propose_memory(id) from howdah.memories where content = 'p'`,
  approve_memory: `select howdah.approve_memory(id) from howdah.memories where content = 'q'`,
  reject_memory: `select howdah.reject_memory(id) from howdah.memories where content = 'q'`,
  add_to_dataset: `select howdah.add_to_dataset('set', id, '1') from howdah.executions where status = 'queued'`,
  evaluate: `select howdah.evaluate('set', 'desk')`,
  evaluate_runs: `select howdah.evaluate_runs('set', 'desk', graders => '{cheap}')`,
  grade: `select howdah.grade(id, 1) from howdah.evaluation_results where graded_at is not null`,
  grade_again: `select howdah.grade_again(id) from howdah.evaluations`,
  cancel_evaluation: `select howdah.cancel_evaluation(id) from howdah.evaluations`,
  forget: `select howdah.forget(id) from howdah.memories where content = 'y'`,
  give_feedback: `select howdah.give_feedback(id, 0.5) from howdah.executions where status = 'queued'`,
  answer_question: `select howdah.answer_question(id, 'yes') from howdah.questions`,
  answer_questions: `select howdah.answer_questions(array(select id from howdah.questions), 'yes')`,
};

/** Actions that require an admin. */
const MANAGES: Record<string, string> = {
  accept_mcp_prompt: `select howdah.accept_mcp_prompt('search', 'brief')`,
  accept_mcp_tool: `select howdah.accept_mcp_tool('search', 'find')`,
  apply_agent_system: APPLY_AGENT_SYSTEM,
  use_alert_rules: `select howdah.use_alert_rules()`,
  use_analyst: `select howdah.use_analyst('{public}')`,
  use_tool_policies: `select howdah.use_tool_policies('strict')`,
  test_model: `select howdah.test_model('default')`,
  create_api_key: `select howdah.create_api_key('x')`,
  redeliver: `select howdah.redeliver(coalesce((select id from howdah.webhook_deliveries limit 1), howdah.uuid_v7()))`,
  revoke_api_key: `select howdah.revoke_api_key(coalesce((select id from howdah.api_keys limit 1), howdah.uuid_v7()))`,
};

/** Other volatile functions. They write nothing, or only call a function of the lists above. */
const OTHER_FUNCTIONS: Record<string, string> = {
  approve: 'answer_question',
  connect_account: 'by whose account it is: test/accounts/access.test.ts',
  disconnect_account: 'connect_account',
  reject: 'answer_question',
  pause_batch_job: 'owners of the database: batch_jobs.test.ts',
  resume_batch_job: 'pause_batch_job',
  promote_evaluation: 'label_agent_version',
  remove_secret: 'the write of secrets',
  ask: 'run',
  fit_ranking: 'admins, who manage knowledge bases: knowledge/fit_ranking.test.ts',
  embed_query: 'everybody who may search: knowledge/vector_search.test.ts',
  rerank_query: 'embed_query',
  tail: 'reads a run, and tells it',
  erase_user: 'admins alone: personal_data.test.ts',
  uuid_v7: 'gives an id',
  uuid_v7_floor: 'gives an id',
};

type Person = { id: string; tenant_id: string; role: UserRole };

describe('permissions', () => {
  const db = testDatabase();
  let tenant_id: string;
  let people: Record<UserRole, Person>;
  let desk: string;
  let other: string;

  beforeAll(async () => {
    const worker = await makeWorker(db.pool);
    tenant_id = await makeTenant(db.pool);
    const made = userRoles.map(async (role) => {
      const { id } = await makeUser(db.pool, { tenant_id, username: role, role });
      return [role, { id, tenant_id, role }];
    });
    people = Object.fromEntries(await Promise.all(made));
    other = (await makeUser(db.pool, { tenant_id, username: 'somebody else' })).id;
    desk = await makeAgent(db.pool, { tenant_id, name: 'desk' });
    const model_id = await makeModel(db.pool, { tenant_id });
    const tool_id = await makeTool(db.pool, { tenant_id });
    await db.pool.query(
      `with model as (
         insert into howdah.agent_models (tenant_id, agent_id, model_id) values ($1, $2, $3)
       )
       insert into howdah.agent_tools (tenant_id, agent_id, tool_id, requires_approval)
       values ($1, $2, $4, null)`,
      [tenant_id, desk, model_id, tool_id],
    );
    await committed(db.pool, async (client) => {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant_id]);
      await client.query(`select howdah.remember('y', 'tenant')`);
      await client.query(`select howdah.remember('p', 'agent', $1)`, [desk]);
      await client.query(`select howdah.propose_memory((howdah.remember('q', 'agent', $1)).id)`, [
        desk,
      ]);
      await client.query(`insert into howdah.datasets (name) values ('set')`);
      await client.query(
        `insert into howdah.graders (name, dataset_id, kind) select 'g', id, 'exact' from howdah.datasets`,
      );
      await client.query(
        `insert into howdah.graders (name, kind, configuration) values ('cheap', 'cost', '{"max": 1}')`,
      );
      await client.query(
        `insert into howdah.dataset_items (dataset_id, input) select id, 'x' from howdah.datasets`,
      );
      await client.query(`select howdah.evaluate('set', 'desk', repeat => 2)`);
    });
    const graded = await one(
      db.pool,
      `update howdah.evaluation_results set graded_at = now()
       where repeat = 1 and tenant_id = $1 returning execution_id`,
      [tenant_id],
    );
    await finish(db.pool, worker, graded.execution_id);
    await db.pool.query(
      `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, 'openai', '')`,
      [tenant_id],
    );
    await db.pool.query(
      `insert into howdah.webhook_deliveries (tenant_id, execution_id, event, url, payload, next_attempt_at)
       values ($1, howdah.uuid_v7(), 'execution.completed', 'https://hooks.example.com/', '{}', now())`,
      [tenant_id],
    );
    await db.pool.query(
      `with made as (
         insert into howdah.workflows (tenant_id, name, type) values ($1, 'nightly', 'chain') returning id
       )
       insert into howdah.workflow_agents (tenant_id, workflow_id, agent_id) select $1, id, $2 from made`,
      [tenant_id, desk],
    );
    await db.pool.query(
      `with prompt as (
         insert into howdah.prompts (tenant_id, name, template) values ($1, 'greeting', 'x')
       ), made as (
         insert into howdah.skills (tenant_id, name, description, content, is_active)
         values ($1, 'refunds', 'x', 'x', false), ($1, 'spare', 'x', 'x', false) returning id, name
       )
       insert into howdah.agent_skills (tenant_id, agent_id, skill_id)
       select $1, $2, id from made where name = 'refunds'`,
      [tenant_id, desk],
    );
    await db.pool.query(
      `with server as (
         insert into howdah.mcp_servers (tenant_id, name, type, configuration, discovered_at)
         values ($1, 'search', 'http', '{"url": "https://mcp.example.com/"}', now()) returning id
       ), offered as (
         insert into howdah.mcp_tools (tenant_id, server_id, name, description, parameters, annotations, digest, status)
         select $1, id, 'find', 'x', '{"type": "object"}', '{}', 'x', 'new' from server
       ), said as (
         insert into howdah.mcp_prompts (tenant_id, server_id, name, description, template, variables, digest, status)
         select $1, id, 'brief', 'x', 'Be brief.', '{}', 'x', 'new' from server
       )
       insert into howdah.agent_servers (tenant_id, agent_id, server_id) select $1, $2, id from server`,
      [tenant_id, desk],
    );
    const run = (columns: object) => makeRun(db.pool, { tenant_id, agent_id: desk, ...columns });
    const session_id = await makeSession(db.pool, { tenant_id, agent_id: desk });
    await finish(db.pool, worker, await run({ session_id }), failed);
    await run({});
    await db.pool.query('select howdah.pause_execution($1)', [await run({})]);
    await makeApiKey(db.pool, tenant_id);
    await db.pool.query(
      `with asking as (
         insert into howdah.executions (tenant_id, agent_id, input, run_at, user_id)
         values ($1, $2, 'ask', now() + interval '1 day', $3) returning id, tenant_id
       ), schedule as (
         insert into howdah.schedules (tenant_id, name, cron, agent_id, input)
         values ($1, 'daily', '0 9 * * *', $2, 'x')
       )
       insert into howdah.questions (tenant_id, execution_id, root_execution_id, kind, prompt)
       select tenant_id, id, id, 'question', 'Well?' from asking`,
      [tenant_id, desk, people.member.id],
    );
  });

  /** Runs statements as the API does for this user, and rolls them back. */
  const as = <T>(
    person: { id: string },
    work: (client: pg.PoolClient) => Promise<T>,
    settings: Record<string, string> = {},
    before: (client: pg.PoolClient) => Promise<unknown> = async () => {},
  ) =>
    rolledBack(db.pool, async (client) => {
      await before(client);
      const own = { 'howdah.tenant_id': tenant_id, 'howdah.user_id': person.id };
      await takeRole(client, 'howdah_app', { ...own, ...settings });
      return work(client);
    });
  /** Returns the error code of a statement, or null if it succeeds. */
  const outcome = async (client: pg.PoolClient, text: string): Promise<string | null> => {
    await client.query('savepoint attempt');
    try {
      await client.query(text);
      return null;
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      await client.query('rollback to savepoint attempt');
    }
  };
  const includes = (role: UserRole, least: UserRole) =>
    userRoles.indexOf(role) <= userRoles.indexOf(least);

  test('the permissions table lists every table the application may write', async () => {
    const written = await all(
      db.pool,
      `select c.relname as name from pg_class as c
       where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and (
         has_any_column_privilege('howdah_app', c.oid, 'insert, update')
         or has_table_privilege('howdah_app', c.oid, 'delete'))
       order by 1`,
    );
    const permitted = await all(
      db.pool,
      `select distinct object collate "C" as name from howdah.permissions where action <> 'read' order by 1`,
    );
    const names = [...written.map(({ name }) => name), ...BY_FUNCTION].sort();
    expect(permitted.map(({ name }) => name)).toEqual(names);
    expect(Object.keys(WRITES).sort()).toEqual(names);
  });

  test('these tests cover every function with side effects', async () => {
    const acting = await all(
      db.pool,
      `select distinct p.proname as name from pg_proc as p
       where p.pronamespace = 'howdah'::regnamespace and p.provolatile = 'v' and p.prorettype <> 'trigger'::regtype
         and has_function_privilege('howdah_app', p.oid, 'execute')
       order by 1`,
    );
    const known = [
      ...Object.keys(ACTS),
      ...Object.keys(MANAGES),
      ...Object.keys(OTHER_FUNCTIONS),
    ].sort();
    expect(known).toEqual(expect.arrayContaining(acting.map(({ name }) => name)));
  });

  test.each(userRoles)('effective permissions match the permissions table: %s', async (role) => {
    const rows = await all(db.pool, `select * from howdah.permissions where action <> 'read'`);
    expect(rows.length).toBeGreaterThan(20);
    await as(people[role], async (client) => {
      for (const { object, role: least } of rows) {
        const expected = includes(role, least) ? null : 'HWDEN';
        const got = await outcome(client, WRITES[object] ?? '');
        expect({ object, got }).toEqual({ object, got: expected });
      }
    });
  });

  test.each(userRoles)(
    'control functions require a member, key management an admin: %s',
    async (role) => {
      await as(people[role], async (client) => {
        for (const [acts, least] of [
          [ACTS, 'member'],
          [MANAGES, 'admin'],
        ] as const) {
          for (const [name, text] of Object.entries(acts)) {
            const expected = includes(role, least) ? null : 'HWDEN';
            expect({ name, got: await outcome(client, text) }).toEqual({ name, got: expected });
          }
        }
      });
    },
  );

  test('a key with scope read cannot write or act, whatever the role of its user', async () => {
    await as(
      people.owner,
      async (client) => {
        for (const [name, text] of Object.entries({ ...WRITES, ...ACTS, ...MANAGES })) {
          expect({ name, got: await outcome(client, text) }).toEqual({ name, got: 'HWDEN' });
        }
      },
      { 'howdah.scopes': 'read' },
    );
  });

  test('a refusal reports the required role', async () => {
    await as(people.viewer, async (client) => {
      const refused = await refusedInside(client, WRITES.models ?? '');
      expect(refused).toMatchObject({
        code: 'HWDEN',
        fields: { role: 'viewer', action: 'manage', object: 'models', required_role: 'admin' },
      });
      expect(refused.fields).toMatchObject({
        object: 'models',
        action: 'manage',
        role: 'viewer',
        required_role: 'admin',
      });
      expect(refused.hint).toContain('howdah.permissions');
    });
  });

  test('a refusal for a missing scope names the scope, not the role', async () => {
    await as(
      people.owner,
      async (client) => {
        const refused = await refusedInside(client, WRITES.models ?? '');
        expect(refused).toMatchObject({
          code: 'HWDEN',
          fields: {
            role: 'owner',
            action: 'manage',
            object: 'models',
            required_role: 'admin',
            required_scope: 'manage',
          },
          hint: 'The key has the scopes read,run. Create a key with manage too, or without scopes.',
        });
        expect(refused.fields).toMatchObject({
          scopes: 'read,run',
          required_scope: 'manage',
        });
      },
      { 'howdah.scopes': 'read,run' },
    );
  });

  test('a member cannot change runs and sessions of others, but an admin can', async () => {
    const theirs = (client: pg.PoolClient) =>
      client.query(
        `with runs as (
           insert into howdah.executions (tenant_id, agent_id, input, user_id) values ($1, $2, 'theirs', $3)
         )
         insert into howdah.sessions (tenant_id, agent_id, user_id, title) values ($1, $2, $3, 'theirs')`,
        [tenant_id, desk, other],
      );
    const attempts = [
      `select howdah.cancel_execution(id) from howdah.executions where input = 'theirs'`,
      `select howdah.fork_execution(id) from howdah.executions where input = 'theirs'`,
      `select howdah.send_message(id, 'x') from howdah.sessions where title = 'theirs'`,
      `insert into howdah.executions (agent_id, session_id, input)
       select howdah.agent('desk'), id, 'x' from howdah.sessions where title = 'theirs'`,
      `update howdah.sessions set policy = 'reject' where title = 'theirs'`,
      `insert into howdah.sessions (agent_id, user_id) values (howdah.agent('desk'), '${other}')`,
      `insert into howdah.schedules (name, cron, agent_id, input, session_id)
       select 'x', '@daily', howdah.agent('desk'), 'x', id from howdah.sessions where title = 'theirs'`,
    ];
    for (const [person, code] of [
      [people.member, 'HWDEN'],
      [{ id: other }, null],
      [people.admin, null],
    ] as const) {
      const got = await as(
        person,
        async (client) => {
          const codes = [];
          for (const text of attempts) codes.push(await outcome(client, text));
          return codes;
        },
        {},
        theirs,
      );
      expect(got).toEqual(attempts.map(() => code));
    }
  });

  test('an API key is limited to its scopes', async () => {
    const attempts = [WRITES.executions, WRITES.agents, WRITES.models] as string[];
    for (const [scopes, expected] of [
      ['run', [null, 'HWDEN', 'HWDEN']],
      ['run,edit', [null, null, 'HWDEN']],
      ['read', ['HWDEN', 'HWDEN', 'HWDEN']],
      ['', [null, null, null]],
    ] as const) {
      const got = await as(
        people.owner,
        async (client) => {
          const codes = [];
          for (const text of attempts) codes.push(await outcome(client, text));
          return codes;
        },
        { 'howdah.scopes': scopes },
      );
      expect({ scopes, got }).toEqual({ scopes, got: expected });
    }
  });

  test('rows that start runs need the scope run too, except to delete them', async () => {
    const create: Record<string, string> = {
      schedules: WRITES.schedules ?? '',
      grading_rules: WRITES.grading_rules ?? '',
      inbound_hooks: WRITES.inbound_hooks ?? '',
    };
    const rows = await all(
      db.pool,
      `select object from howdah.permissions where action <> 'read' group by object having count(*) > 1 order by 1`,
    );
    expect(rows.map(({ object }) => object)).toEqual(Object.keys(create).sort());
    for (const [table, insert] of Object.entries(create)) {
      const asKey = (scopes: string, texts: string[]) =>
        as(
          people.owner,
          async (client) => {
            await client.query(`select set_config('howdah.scopes', '', true)`);
            await client.query(insert);
            await client.query(`select set_config('howdah.scopes', $1, true)`, [scopes]);
            const codes = [];
            for (const text of texts) codes.push(await outcome(client, text));
            return codes;
          },
          {},
        );
      const writes = [
        `update howdah.${table} set is_active = false`,
        `update howdah.${table} set name = 'y' where name = 'x'`,
        insert.replace(`'x'`, `'z'`),
        `delete from howdah.${table}`,
      ];
      expect(await asKey('read,edit,manage', writes)).toEqual(['HWDEN', 'HWDEN', 'HWDEN', null]);
      expect(await asKey('read,run,edit,manage', writes)).toEqual([null, null, null, null]);
      expect(await asKey('read,run', writes)).toEqual(['HWDEN', 'HWDEN', 'HWDEN', 'HWDEN']);
    }
  });

  test.each(['viewer', 'member', 'admin', 'owner'] as const)(
    'input from Howdah itself cannot be forged: %s',
    async (role) => {
      await as(people[role], async (client) => {
        const insert = (trust: string) =>
          `insert into howdah.executions (agent_id, input, input_trust) values (howdah.agent('desk'), 'x', '${trust}')`;
        expect(await outcome(client, insert('system'))).toBe('HWDEN');
        expect(await outcome(client, insert('external'))).toBe(role === 'viewer' ? 'HWDEN' : null);
      });
    },
  );

  test('a token never exceeds the role of its user, and an inactive user has none', async () => {
    const roleOf = (person: Person, settings: Record<string, string>) =>
      as(
        person,
        async (client) => (await one(client, 'select howdah.current_user_role() as role')).role,
        settings,
      );
    expect(await roleOf(people.member, { 'howdah.role': 'owner' })).toBe('member');
    expect(await roleOf(people.owner, { 'howdah.role': 'viewer' })).toBe('viewer');
    const { id: gone } = await makeUser(db.pool, { tenant_id, username: 'gone', role: 'owner' });
    await db.pool.query('update howdah.users set is_active = false where id = $1', [gone]);
    await as({ id: gone }, async (client) => {
      expect((await one(client, 'select howdah.current_user_role() as role')).role).toBeNull();
      expect(await outcome(client, WRITES.executions ?? '')).toBe('HWDEN');
    });
  });

  test('a member cannot remove an approval, and an admin cannot create an owner', async () => {
    const lower = [
      `update howdah.agent_tools set requires_approval = false`,
      `update howdah.agent_tools set configuration = '{"allow": ["evil.example.com"]}'`,
      `update howdah.agent_tools set configuration = '{"arguments": []}'`,
      `update howdah.agent_tools set configuration = '{"question": {"default_answer": "approve", "expires_in_seconds": 1}}'`,
    ];
    await as(people.member, async (client) => {
      for (const text of lower) expect(await outcome(client, text)).toBe('HWDEN');
      const update = `update howdah.agent_tools set configuration = '{"mission_override": "Be short."}'`;
      expect(await outcome(client, update)).toBeNull();
    });
    const guarded = (client: pg.PoolClient) =>
      client.query('update howdah.agent_tools set requires_approval = true where agent_id = $1', [
        desk,
      ]);
    for (const [person, code] of [
      [people.member, 'HWDEN'],
      [people.admin, null],
    ] as const) {
      const got = await as(
        person,
        (client) => outcome(client, 'delete from howdah.agent_tools'),
        {},
        guarded,
      );
      expect(got).toBe(code);
    }
    const owners = [
      `insert into howdah.users (username, role) values ('x', 'owner')`,
      `update howdah.users set role = 'owner' where username = 'admin'`,
      `update howdah.users set is_active = false where username = 'owner'`,
    ];
    await as(people.admin, async (client) => {
      for (const text of lower) expect(await outcome(client, text)).toBeNull();
      for (const text of owners) expect(await outcome(client, text)).toBe('HWDEN');
    });
    await as(people.owner, async (client) => {
      for (const text of owners) expect(await outcome(client, text)).toBeNull();
    });
  });

  describe('grants', () => {
    const grant = (permission: string, to: Record<string, string>) => (client: pg.PoolClient) =>
      client.query(
        `insert into howdah.grants (tenant_id, agent_id, user_id, role, permission) values ($1, $2, $3, $4, $5)`,
        [tenant_id, desk, to.user_id ?? null, to.role ?? null, permission],
      );
    /** Counts the rows that this user sees in tables about the agent's runs. */
    const seen = async (client: pg.PoolClient) => {
      const counts: Record<string, number> = {};
      for (const table of [
        'agents',
        'executions',
        'steps',
        'messages',
        'sessions',
        'questions',
        'schedules',
        'agent_tools',
      ]) {
        const where = table === 'agents' ? `where name = 'desk'` : '';
        counts[table] = (
          await one(client, `select count(*)::int as n from howdah.${table} ${where}`)
        ).n;
      }
      return Object.values(counts).filter((count) => count > 0).length;
    };

    test('restrict an agent to the users they name, admins and owners', async () => {
      const before = grant('read', { user_id: people.viewer.id });
      expect(await as(people.member, seen, {}, before)).toBe(0);
      expect(await as(people.member, seen)).toBe(8);
      for (const person of [people.viewer, people.admin, people.owner]) {
        expect(await as(person, seen, {}, before)).toBe(8);
      }
      const code = await as(
        people.member,
        (client) =>
          outcome(
            client,
            `select howdah.cancel_execution('${'0'.repeat(8)}-0000-7000-8000-${'0'.repeat(12)}')`,
          ),
        {},
        before,
      );
      expect(code).toBe('HWNTF');
    });

    test('hide an agent and all its data from every function too', async () => {
      const hide = async (client: pg.PoolClient) => {
        await grant('run', { user_id: other })(client);
        await client.query(
          `with session as (
             insert into howdah.sessions (tenant_id, agent_id, title) values ($1, $2, 'hidden') returning id
           ), file as (
             insert into howdah.resources (tenant_id, name, type, bytes, session_id) select $1, 'hidden', 'text/plain', 'x', id from session
           ), run as (
             insert into howdah.executions (tenant_id, agent_id, input, idempotency_key) values ($1, $2, 'hidden', 'hidden-key')
           ), at_once as (
             insert into howdah.limits (tenant_id, scope, subject_id, metric, max_value) values ($1, 'agent', $2, 'running_runs', 1)
           )
           insert into howdah.tools (tenant_id, name, kind, agent_id, parameters)
           values ($1, 'ask_desk', 'agent', $2, '{"type": "object", "properties": {"message": {"type": "string"}}}')`,
          [tenant_id, desk],
        );
        const ids = await one(
          client,
          `select (select id from howdah.executions where input = 'hidden') as run,
             (select id from howdah.sessions where title = 'hidden') as session,
             (select id from howdah.tools where name = 'ask_desk' and tenant_id = $1) as tool`,
          [tenant_id],
        );
        Object.assign(hidden, ids);
      };
      const hidden: Record<string, string> = {};
      await as(
        people.member,
        async (client) => {
          const nothing = [
            `select from howdah.resources where name = 'hidden'`,
            `select from howdah_private.execution_row('${hidden.run}') as e where e.id is not null`,
            `select from howdah.limits where agent_id = '${desk}'`,
          ];
          for (const text of nothing)
            expect({ text, rows: await all(client, text) }).toEqual({ text, rows: [] });
          const unknown = [
            `insert into howdah.executions (agent_id, input) values ('${desk}', 'x')`,
            `select howdah.cancel_execution('${hidden.run}')`,
            `select howdah.explain_execution('${hidden.run}')`,
            `select howdah.compare_executions('${hidden.run}', '${hidden.run}')`,
            `select howdah.session_state('${hidden.session}')`,
            `select howdah.send_message('${hidden.session}', 'x')`,
            `select howdah.fork_session('${hidden.session}', 'x')`,
            `insert into howdah.executions (agent_id, session_id, input) values (howdah.agent('development'), '${hidden.session}', 'x')`,
            `insert into howdah.agent_tools (agent_id, tool_id) values (howdah.agent('development'), '${hidden.tool}')`,
          ];
          for (const text of unknown)
            expect({ text, code: await outcome(client, text) }).toEqual({ text, code: 'HWNTF' });
          expect(
            await outcome(
              client,
              "select howdah.run('development', 'x', idempotency_key => 'hidden-key')",
            ),
          ).toBe('HWCNF');
          expect(
            await outcome(
              client,
              `insert into howdah.executions (agent_id, parent_execution_id, input)
            values (howdah.agent('development'), '${hidden.run}', 'x')`,
            ),
          ).toBe('42501');
        },
        {},
        hide,
      );
    });

    test.each([
      ['read', ['HWDEN', 'HWDEN', 'HWDEN', 'HWDEN']],
      ['run', [null, 'HWDEN', 'HWDEN', 'HWDEN']],
      ['edit', [null, null, 'HWDEN', 'HWDEN']],
    ] as const)(
      '%s: set the permissions of a viewer on this agent only',
      async (permission, expected) => {
        const attempts = [
          `insert into howdah.executions (agent_id, input) values (howdah.agent('desk'), 'x')`,
          `update howdah.agents set description = 'x' where name = 'desk'`,
          `insert into howdah.executions (agent_id, input) values (howdah.agent('development'), 'x')`,
          `insert into howdah.agents (name, instruction) values ('own', 'x')`,
        ];
        for (const to of [{ user_id: people.viewer.id }, { role: 'viewer' }]) {
          const got = await as(
            people.viewer,
            async (client) => {
              const codes = [];
              for (const text of attempts) codes.push(await outcome(client, text));
              return codes;
            },
            {},
            grant(permission, to as Record<string, string>),
          );
          expect(got).toEqual(expected);
        }
      },
    );

    test('an insert that includes a run of a forbidden agent is rejected as a whole', async () => {
      const got = await as(
        people.viewer,
        (client) =>
          refusedInside(
            client,
            `insert into howdah.executions (agent_id, input)
             select id, 'x' from howdah.agents where name in ('desk', 'development')`,
          ),
        {},
        grant('run', { user_id: people.viewer.id }),
      );
      expect(got).toMatchObject({ code: 'HWDEN' });
    });

    test('deleting the last grant makes the agent unrestricted again', async () => {
      await rolledBack(db.pool, async (client) => {
        const restricted = async () =>
          (await one(client, 'select is_restricted as r from howdah.agents where id = $1', [desk]))
            .r;
        await grant('read', { role: 'member' })(client);
        await grant('run', { user_id: other })(client);
        expect(await restricted()).toBe(true);
        await client.query(`delete from howdah.grants where role is not null`);
        expect(await restricted()).toBe(true);
        await client.query(`delete from howdah.users where id = $1`, [other]);
        expect(await restricted()).toBe(false);
      });
    });
  });
});
