import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeUser } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, resultsOf, waitForEnd } from '../arrange.ts';

/**
 * A function that executes any given text, as a function does that builds SQL from its arguments.
 * It stands for every way in which a model can inject SQL into a tool.
 */
const FUNCTIONS = `
  create schema lab;
  create table lab.loot (what text);
  grant usage on schema lab to howdah_app;
  grant select, insert, trigger on lab.loot to howdah_app;
  create function lab.run(texts text[]) returns text language plpgsql as $$
    declare v text; q text;
    begin
      foreach q in array texts loop
        if q ~ '^select' then
          execute q into v;
        else
          execute q;
        end if;
      end loop;
      return v;
    end $$;
  create function lab.say(text text) returns text language plpgsql as $$
    declare v text;
    begin
      execute text into v;
      return v;
    end $$;
  create function lab.obey(event jsonb) returns jsonb language plpgsql as $$
    declare v text;
    begin
      if event ->> 'event' = 'tool_before' then
        execute event -> 'arguments' ->> 'text' into v;
      end if;
      return jsonb_build_object('annotate', jsonb_build_object('said', v));
    end $$;
  select howdah.register_sql_tool('lab.run(text[])'), howdah.register_sql_tool('lab.say(text)');
`;

const database = testDatabase();
let worker: Worker;
let mine: string;
let theirs: string;

beforeAll(async () => {
  const { pool } = database;
  await pool.query(FUNCTIONS);
  worker = await startTestWorker(database.url);
  theirs = await idOf(
    `insert into howdah.tenants (slug, name) values ('theirs', 'Theirs') returning id`,
  );
  mine = await idOf(`select id from howdah.tenants where slug = 'default'`);
});
afterAll(async () => {
  await worker.stop(1_000);
});

async function idOf(text: string): Promise<string> {
  return (await database.pool.query(text)).rows[0].id;
}

type ToolResult = { result?: string; error?: { code: string; details: { sqlstate?: string } } };

/**
 * Executes the texts one after the other in one call of a tool. Returns the result sent to the
 * model.
 */
async function attack(
  texts: string[],
  spec: { user?: string; tenant?: string; tool?: 'run' | 'say' } = {},
): Promise<ToolResult> {
  const { pool } = database;
  const { tool = 'run' } = spec;
  const args = tool === 'run' ? { texts } : { text: texts[0] as string };
  const script = [callTools({ name: tool, arguments: args }), { content: 'ok' }];
  const agent = await makeAgent(pool, { script, tools: [tool] });
  await pool.query(
    `insert into howdah.grants (agent_id, user_id, permission) select $1, $2, 'run' where $2::uuid is not null`,
    [agent, spec.user],
  );
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input, user_id) values ($1, 'go', $2) returning id`,
    [agent, spec.user],
  );
  const run = await waitForEnd(pool, rows[0].id);
  expect(run).toMatchObject({ status: 'completed', output: 'ok' });
  const [result = ''] = await resultsOf(pool, run.id);
  return result.startsWith('{"error"') ? JSON.parse(result) : { result };
}

const readLoot = async () => (await database.pool.query('select what from lab.loot')).rows;
const TAKE = `insert into lab.loot select current_user || ' ' || current_setting('role')`;
/** A function with the rights of its caller, which resets the role and writes what it can reach. */
const createAttackFunction = (
  name: string,
  returns: string,
) => `create function ${name} returns ${returns}
  language plpgsql as $f$ begin
    perform set_config('role', 'none', true);
    ${TAKE};
    return ${returns === 'trigger' ? 'new' : returns === 'boolean' ? 'true' : 'null'};
  end $f$`;

describe('SQL from a model inside a tool', () => {
  test.each([
    ['set role', `set role howdah_owner`],
    ['set local role', `set local role howdah_worker`],
    ['reset role', `reset role`],
    ['the function set_config', `select set_config('role', 'none', true)`],
    ['set session authorization', `set session authorization default`],
    ['a do block', `do $$ begin set local role howdah_worker; end $$`],
  ])('cannot leave its role by %s', async (_what, text) => {
    expect((await attack([text])).error).toMatchObject({ details: { sqlstate: '42501' } });
  });

  test('cannot leave its role by a function with a SET clause', async () => {
    const { error } = await attack([
      `create function pg_temp.f() returns text language sql set role = 'howdah_worker' as 'select current_user::text'`,
      'select pg_temp.f()',
    ]);
    expect(error).toMatchObject({ details: { sqlstate: '42501' } });
  });

  test.each([
    ['setting tenant_id', `set_config('howdah.tenant_id', '%', true)`],
    ['setting pinned_tenant', `set_config('howdah.pinned_tenant', '%', true)`],
    ['a forged binding', `set_config('howdah.bound', '% - 00', true)`],
    [
      'a binding with a copied signature',
      `set_config('howdah.bound', '% - ' || split_part(current_setting('howdah.bound'), ' ', 3), true)`,
    ],
    ['an empty binding', `set_config('howdah.bound', '', true)`],
  ])('cannot leave its tenant by %s, not even within one statement', async (_what, text) => {
    const asThem = text.replace('%', theirs);
    const seen = `select string_agg(slug, ',') from howdah.tenants`;
    for (const texts of [
      [`select ${asThem}`, seen],
      [`select string_agg(t.slug, ',') from (select ${asThem} offset 0) as s, howdah.tenants as t`],
    ]) {
      expect((await attack(texts)).result ?? '').not.toContain('theirs');
    }
  });

  test('starts runs with the limits of their agents, despite settings changed within the insert', async () => {
    expect(
      await attack([
        `insert into howdah.executions (agent_id, input, metadata)
         select a.id, set_config('howdah.pinned_run_defaults', array[a.id::text, a.tenant_id::text,
           a.current_version_id::text, '777', null, null, null, null]::text, true), '{"begun": "here"}'
         from howdah.agents as a order by a.id limit 1`,
        `select string_agg(max_steps::text, ',') from howdah.executions where metadata ? 'begun'`,
      ]),
    ).toEqual({ result: '50' });
  });

  test('finds agents by their own names, despite changed settings', async () => {
    expect(
      await attack([
        `select set_config('howdah.pinned_agent_name', 'nobody', true),
           set_config('howdah.pinned_agent', howdah.uuid_v7()::text, true)`,
        `select howdah.agent('nobody')`,
      ]),
    ).toMatchObject({ error: { details: { sqlstate: 'HWNTF' } } });
  });

  test('acts as a member at most, despite changed settings', async () => {
    const settings = [
      `select set_config('howdah.role', 'owner', true), set_config('howdah.user_id', '', true)`,
      `select set_config('howdah.scopes', '', true)`,
    ];
    expect(await attack([...settings, 'select howdah.current_user_role()'])).toEqual({
      result: 'member',
    });
    expect((await attack([...settings, 'delete from howdah.models'])).error).toMatchObject({
      details: { sqlstate: 'HWDEN' },
    });
  });

  test('does not own the machine, despite changed settings', async () => {
    const settings = [
      `select set_config('howdah.owns_machine', 'on', true), set_config('howdah.role', 'owner', true)`,
    ];
    const insert = `insert into howdah.models (name, provider, model, base_url)
      values ('local', 'openai', 'm', 'http://localhost:11434/v1')`;
    expect((await attack([...settings, insert])).error).toMatchObject({
      details: { sqlstate: 'HWDEN' },
    });
    expect(await attack([...settings, 'select howdah_private.owns_machine()'])).toEqual({
      result: 'false',
    });
  });

  test('cannot sign a binding', async () => {
    for (const text of [
      `select howdah_private.binding('${theirs}', null)`,
      `select howdah_private.binding_seal('${theirs} -')`,
      `select binding_key::text from howdah_private.installation`,
    ]) {
      expect((await attack([text])).error).toMatchObject({ details: { sqlstate: '42501' } });
    }
  });

  test('cannot reuse its binding in another transaction', async () => {
    const { result } = await attack([`select current_setting('howdah.bound')`]);
    expect(result).toContain(mine);
    const replayed = await attack([
      `select set_config('howdah.bound', '${result}', true)`,
      'select howdah.current_tenant()',
    ]);
    expect(replayed.result).toBe('null');
  });

  test('leaves nothing behind that acts at commit: a cursor', async () => {
    await attack([
      createAttackFunction('pg_temp.thief()', 'text'),
      'declare c cursor with hold for select pg_temp.thief()',
    ]);
    expect(await readLoot()).toEqual([]);
  });

  test('leaves nothing behind: a deferred trigger of its own table', async () => {
    await attack([
      'create table pg_temp.t (x int)',
      `create function pg_temp.again() returns trigger language plpgsql as $f$ begin
         if new.x < 3 then
           set constraints all deferred;
           insert into pg_temp.t values (new.x + 1);
         end if;
         if current_user <> 'howdah_tool' then
           perform set_config('role', 'none', true);
           ${TAKE};
         end if;
         return new;
       end $f$`,
      `create constraint trigger later after insert on pg_temp.t deferrable initially deferred
         for each row execute function pg_temp.again()`,
      'insert into pg_temp.t values (1)',
    ]);
    expect(await readLoot()).toEqual([]);
  });

  test('leaves nothing behind: a deferred trigger of an existing table', async () => {
    const { pool } = database;
    await pool.query(
      'grant create on schema lab to howdah_app; grant howdah_owner to current_user',
    );
    await pool.query('alter table lab.loot owner to howdah_app');
    const { error } = await attack([
      `create function lab.again() returns trigger language plpgsql as $f$ begin
         set constraints all deferred;
         if current_user <> 'howdah_tool' then
           perform set_config('role', 'none', true);
         elsif new.what = 'bait' then
           insert into lab.loot values ('bait again');
         end if;
         return new;
       end $f$`,
      `create constraint trigger later after insert on lab.loot deferrable initially deferred
         for each row execute function lab.again()`,
      `insert into lab.loot values ('bait')`,
    ]);
    expect(error).toMatchObject({ details: { sqlstate: 'HWDEN' } });
    expect(await readLoot()).toEqual([]);
    await pool.query(
      'revoke create on schema lab from howdah_app; alter table lab.loot owner to current_user; grant select, insert on lab.loot to howdah_app',
    );
  });

  describe('and a deferred trigger on a table of a tenant', () => {
    const acme = `acme_${process.pid}`;
    /**
     * A trigger function that defers itself again in the sandbox, and executes `TAKE` at COMMIT.
     */
    const createDeferredTrigger = (
      name: string,
      rights: string,
    ) => `create function acme.${name}() returns trigger
      language plpgsql security ${rights} as $f$ begin
        if current_setting('role') = 'howdah_tool' then
          set constraints all deferred;
          update acme.${name} set body = body || '.' where id = new.id;
        elsif session_user <> '${acme}' then
          ${TAKE};
        end if;
        return null;
      end $f$`;
    /** Creates a table owned by the tenant's login, with the trigger of the same name. */
    const makeTable = (name: string, rights: string, options = '') =>
      asAcme(`
        create table acme.${name} (id int, body text) ${options};
        insert into acme.${name} values (1, 'x');
        grant all on acme.${name} to public;
        ${createDeferredTrigger(name, rights)};
        create constraint trigger late after update on acme.${name} deferrable initially deferred
          for each row execute function acme.${name}()`);
    const asAcme = (text: string) =>
      database.pool.query(
        `set session authorization ${acme}; ${text}; reset session authorization`,
      );
    const pendingOf = (name: string) => attack([`update acme.${name} set body = 'y' where id = 1`]);
    const COMMITTED = { error: { code: 'tool_failed', details: { sqlstate: 'HWDEN' } } };

    beforeAll(async () => {
      await database.pool.query(`
        create role ${acme} login in role howdah_app;
        insert into howdah_private.login_tenants (login, tenant_id, role) values ('${acme}', '${theirs}', 'admin');
        create schema acme authorization ${acme}; grant usage on schema acme to public;
        grant usage on schema lab to ${acme}; grant insert on lab.loot to ${acme}`);
    });
    afterAll(async () => {
      await database.pool.query(`
        delete from howdah_private.login_tenants where login = '${acme}';
        drop owned by ${acme} cascade; drop role ${acme}`);
    });

    test.each(['invoker', 'definer'])('does not run with the rights of its %s', async (rights) => {
      await makeTable(`late_${rights}`, rights);
      expect(await pendingOf(`late_${rights}`)).toMatchObject(COMMITTED);
      expect(await readLoot()).toEqual([]);
    });

    test("does not run if only its function is the tenant's", async () => {
      await makeTable('given', 'invoker');
      await database.pool.query('alter table acme.given owner to current_user');
      expect(await pendingOf('given')).toMatchObject(COMMITTED);
      expect(await readLoot()).toEqual([]);
    });

    test('does not run for a partition or for its parent', async () => {
      await makeTable(
        'whole',
        'invoker',
        'partition by list (id); create table acme.part partition of acme.whole default',
      );
      expect(await pendingOf('whole')).toMatchObject(COMMITTED);
      expect(await pendingOf('part').then(() => readLoot())).toEqual([]);
    });

    test('does not run behind an expression of a deferrable constraint', async () => {
      await asAcme(`
        create table acme.excluded (id int, body text);
        insert into acme.excluded values (1, 'x');
        grant all on acme.excluded to public;
        create function acme.again() returns void language plpgsql as $f$ begin
          if current_setting('role') = 'howdah_tool' then
            set constraints all deferred;
            update acme.excluded set body = body || '.' where length(body) < 9;
          elsif session_user <> '${acme}' then
            ${TAKE};
          end if;
        end $f$;
        create function acme.key(body text) returns text language plpgsql immutable as $f$ begin
          perform acme.again();
          return body;
        end $f$;
        alter table acme.excluded add exclude (acme.key(body) with =) deferrable initially deferred`);
      expect(await pendingOf('excluded')).toHaveProperty('error');
      expect(await readLoot()).toEqual([]);
    });

    test('does not run when the table is truncated or the trigger disabled meanwhile', async () => {
      await makeTable('emptied', 'invoker');
      for (const text of [
        'truncate acme.emptied',
        'alter table acme.emptied disable trigger late',
        'alter function acme.emptied() owner to current_user',
      ]) {
        expect(
          await attack([`update acme.emptied set body = 'y' where id = 1`, text]),
        ).toHaveProperty('error');
      }
      expect(await readLoot()).toEqual([]);
    });

    test('does not block a call that does not write that table', async () => {
      await makeTable('unwritten', 'invoker');
      await database.pool.query(
        `create table lab.plain (what text); grant insert on lab.plain to howdah_app`,
      );
      const texts = [`insert into lab.plain values ('x')`, 'select count(*) from acme.unwritten'];
      expect(await attack(texts)).toEqual({ result: '1' });
    });
  });

  test('leaves nothing behind: a prepared statement with the name of an internal one', async () => {
    const columns = 'execution_id, outcome, status, step_count, exhausted, active_ms_left, watched';
    for (let time = 0; time < 3; time += 1) {
      await attack([
        'deallocate all',
        createAttackFunction('pg_temp.thief()', 'text'),
        `prepare commit_steps(uuid, jsonb) as select pg_temp.thief() as ${columns.split(',')[0]}`,
        `prepare begin as select pg_temp.thief()`,
      ]);
    }
    expect(await readLoot()).toEqual([]);
  });

  test('leaves nothing behind: a type, table or operator that shadows one of the system', async () => {
    await attack([
      createAttackFunction('pg_temp.is_fine(text)', 'boolean'),
      'create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.is_fine(value::text))',
      'create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.is_fine(value::text))',
      'create domain pg_temp.text as pg_catalog.text check (pg_temp.is_fine(value::pg_catalog.text))',
      `select set_config('search_path', 'pg_temp, lab, pg_catalog', false)`,
    ]);
    expect(await readLoot()).toEqual([]);
  });

  test('leaves nothing behind: a change of the function it runs in', async () => {
    for (const text of [
      'drop owned by howdah_tool',
      'alter function howdah_private.run_as_tool_role(text, jsonb, text) security invoker',
      'drop function howdah_private.run_as_tool_role(text, jsonb, text)',
      'grant execute on function howdah_private.run_as_tool_role(text, jsonb, text) to public',
    ]) {
      expect((await attack([text])).error).toMatchObject({ details: { sqlstate: 'HWDEN' } });
    }
    expect(await attack(['select current_user'])).toEqual({ result: 'howdah_tool' });
  });

  test('cannot make the transaction read-only', async () => {
    const { error } = await attack([`select set_config('transaction_read_only', 'on', true)`]);
    expect(error).toMatchObject({ details: { sqlstate: 'HWDEN' } });
  });

  test('leaves nothing behind: settings of the session', async () => {
    await attack([
      `select set_config('search_path', 'nowhere', false), set_config('statement_timeout', '1', false),
         set_config('howdah.tenant_id', '${theirs}', false)`,
    ]);
    for (let time = 0; time < 3; time += 1) {
      const texts = [
        `select current_setting('search_path') || coalesce(current_setting('howdah.tenant_id', true), '')`,
      ];
      expect(await attack(texts)).toEqual({ result: 'public' });
    }
  });

  test('cannot terminate another session', async () => {
    const { error } = await attack([
      `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename is not null`,
    ]);
    expect(error).toMatchObject({ details: { sqlstate: '42501' } });
  });
});

describe('a tool has the rights of the user who started the run', () => {
  const makeUserNamed = async (username: string, role: string) =>
    (await makeUser(database.pool, { username, role })).id;

  test.each([
    ['viewer', 'viewer'],
    ['member', 'member'],
    ['admin', 'member'],
    ['owner', 'member'],
  ])('up to those of a member: %s', async (role, acts) => {
    const user = await makeUserNamed(`is_${role}`, role);
    const texts = [`select howdah.current_user_role() || ' ' || howdah.current_user_id()`];
    expect(await attack(texts, { user })).toEqual({ result: `${acts} ${user}` });
  });

  test('despite changed settings', async () => {
    const user = await makeUserNamed('sly', 'viewer');
    for (const name of ['howdah.user_id', 'howdah.role']) {
      const texts = [
        `select set_config('${name}', '', true)`,
        `select set_config('howdah.user_id', '', true), howdah.run('development', 'x')`,
      ];
      expect((await attack(texts, { user })).error).toMatchObject({
        details: { sqlstate: 'HWDEN' },
      });
    }
  });

  test('and none once that user is inactive', async () => {
    const { pool } = database;
    const user = await makeUserNamed('gone', 'member');
    await pool.query('update howdah.users set is_active = false where id = $1', [user]);
    const texts = [`insert into howdah.sessions (title) values ('mine')`];
    expect((await attack(texts, { user })).error).toMatchObject({ code: 'rejected' });
  });

  test('and sees the agents that the user may see', async () => {
    const { pool } = database;
    const [user, other] = [
      await makeUserNamed('ann', 'member'),
      await makeUserNamed('bob', 'member'),
    ];
    const { rows } = await pool.query(
      `insert into howdah.agents (name) values ('for_bob') returning id`,
    );
    await pool.query(
      `insert into howdah.grants (agent_id, user_id, permission) values ($1, $2, 'run')`,
      [rows[0].id, other],
    );
    const texts = [`select count(*) from howdah.agents where name = 'for_bob'`];
    expect(await attack(texts, { user })).toEqual({ result: '0' });
    expect(await attack(texts, { user: other })).toEqual({ result: '1' });
    await pool.query('delete from howdah.grants');
  });

  test("and starts runs in that user's name", async () => {
    const user = await makeUserNamed('eve', 'member');
    const texts = [
      `select set_config('howdah.user_id', '', true)`,
      `select concat_ws(' ', (r).user_id, (r).created_by) from (select howdah.run('development', 'x', run_at => now() + interval '1 year') as r) as s`,
    ];
    expect(await attack(texts, { user })).toEqual({ result: `${user} eve` });
  });
});

test('a tool cannot answer questions for the user of its run', async () => {
  const { pool } = database;
  const { rows } = await pool.query(
    `insert into howdah.users (username, role) values ('zoe', 'member') returning id`,
  );
  const user = rows[0].id;
  const calls = [
    { name: 'say', arguments: { text: 'select 1' } },
    { name: 'ask_user', arguments: { question: 'Really?' } },
  ];
  const script = [callTools(...calls), { content: 'ok' }];
  const agent = await makeAgent(pool, { script, tools: ['say'] });
  await pool.query('update howdah.agents set human_input = true where id = $1', [agent]);
  await pool.query(
    `update howdah.agent_tools as g
     set requires_approval = true, configuration = '{"question": {"required_role": "member"}}'
     from howdah.tools as t where t.id = g.tool_id and g.agent_id = $1 and t.name = 'say'`,
    [agent],
  );
  const asking = await pool.query(
    `insert into howdah.executions (agent_id, input, user_id) values ($1, 'go', $2) returning id`,
    [agent, user],
  );
  const open = `select id, kind from howdah.questions where execution_id = '${asking.rows[0].id}' and status = 'open'`;
  await expect.poll(async () => (await pool.query(open)).rowCount).toBe(2);
  for (const text of [
    `select howdah.approve(q.id) from (${open}) as q where q.kind = 'approval'`,
    `select howdah.answer_question(q.id, 'yes') from (${open}) as q where q.kind = 'question'`,
  ]) {
    expect((await attack([text], { user })).error).toMatchObject({
      details: { sqlstate: 'HWDEN' },
    });
  }
  expect((await pool.query(open)).rowCount).toBe(2);
  await pool.query('select howdah.cancel_execution($1)', [asking.rows[0].id]);
});

describe('a hook in the database', () => {
  test('is bound to the tenant as a tool is', async () => {
    const { pool } = database;
    const said = async (text: string) => {
      const script = [callTools({ name: 'say', arguments: { text } }), { content: 'ok' }];
      const agent = await makeAgent(pool, { script, tools: ['say'] });
      await pool.query(
        `insert into howdah.hooks (agent_id, event, function) values ($1, 'tool_before', 'lab.obey')`,
        [agent],
      );
      const { rows } = await pool.query(
        `insert into howdah.executions (agent_id, input) values ($1, 'go') returning id`,
        [agent],
      );
      return waitForEnd(pool, rows[0].id);
    };
    expect((await said(`select set_config('role', 'none', true)`)).error).toMatchObject({
      cause: { sqlstate: '42501' },
    });
    const { id } = await said(
      `select set_config('howdah.tenant_id', '${theirs}', true) || ' ' || howdah.current_tenant()`,
    );
    const { rows } = await pool.query(
      `select annotations ->> 'said' as said from howdah.steps where execution_id = $1 and kind = 'tool'`,
      [id],
    );
    expect(rows[0].said).toBe(`${theirs} ${mine}`);
  });
});
