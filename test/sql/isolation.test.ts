import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { all, asRole, one } from './support.ts';
import { emptyTables, MARK, makeTwoTenants } from './two-tenants.ts';

/**
 * One tenant walks everything there is against the rows of another: what it may read, write, refer to and call is asked of
 * the catalogue, so whatever is added later is walked as well. What it learns of a row that is there and somebody else's
 * has to be what it learns of one that is nowhere, to the letter.
 */

/** Functions that act past row-level security, callable by tenants, and what keeps the tenants apart in each. */
const REVIEWED: Record<string, string> = {
  add_input: 'controlled()',
  answer_question: 'asked()',
  approve: 'asked()',
  bound: 'what a worker signed for this transaction',
  cancel_execution: 'controlled()',
  create_api_key: 'current_tenant(), and a user of it',
  current_tenant: 'the session itself',
  current_user_role: 'the session itself',
  delete_agent: 'may_act_for()',
  erase_user: 'user_of_tenant()',
  execution_row: 'may_act_for()',
  export_user_data: 'user_of_tenant()',
  fork_execution: 'controlled()',
  hidden_agents: 'agents of current_tenant()',
  is_any_worker_alive: 'tells of the installation, which has no tenant',
  may: 'the role of the session and grants of current_tenant()',
  pause_execution: 'controlled()',
  permit: 'the role of the session',
  permit_agent: 'agent_permission()',
  permit_control: 'says what it was given',
  permit_session: 'session_of()',
  permit_tool: 'tools of current_tenant(), then permit_agent()',
  put_secret: 'writes rows of current_tenant()',
  quota_use: 'may_act_for()',
  refuse_question_settings: 'looks at what it was given',
  reject: 'asked()',
  remove_secret: 'secrets of current_tenant()',
  reserve_idempotency_key: 'refuses a tenant that is not the current one',
  resume_execution: 'controlled()',
  retry_execution: 'controlled()',
  revoke_api_key: 'may_act_for()',
  run_schedule: 'may_act_for()',
  send_message: 'session_of()',
  session_state: 'session_of()',
  switch_agent: 'session_of()',
};

/** Where any word would be refused for itself. */
const WORDS: Record<string, string> = { permit_agent: 'run', permit_control: 'execution' };

type Outcome = { code: string; message: string; detail: string } | { rows: unknown[] };

describe('a tenant learns nothing of another', () => {
  let db: TestDatabase;
  let a: string;
  let b: string;
  /** Of b, by table. */
  let theirs: Record<string, string[]>;

  beforeAll(async () => {
    db = await createTestDatabase();
    ({ a, b } = await makeTwoTenants(db.pool));
    const tables = await all(
      db.pool,
      `select c.relname as name from pg_class as c join pg_attribute as x on x.attrelid = c.oid and x.attname = 'id'
       join pg_attribute as t on t.attrelid = c.oid and t.attname = 'tenant_id'
       where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
    );
    theirs = {};
    for (const { name } of tables) {
      // a log that notes the other rows has more of them than there is anything to learn from
      const rows = await all(
        db.pool,
        `select id from howdah.${name} where tenant_id = $1 order by id desc limit 9`,
        [b],
      );
      theirs[name] = rows.map(({ id }) => id);
    }
  });
  afterAll(() => db?.drop());

  const asA = <T>(work: (client: pg.PoolClient) => Promise<T>) =>
    asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': a }, work);
  const allIds = () => Object.values(theirs).flat();

  /** What a statement gave, with the ids it was given made equal. */
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

  const columnsFor = (privilege: string) =>
    all<{ name: string; columns: string[] }>(
      db.pool,
      `select c.relname as name, array_agg(x.attname::text order by x.attnum) as columns
       from pg_class as c join pg_attribute as x on x.attrelid = c.oid and x.attnum > 0 and not x.attisdropped
       where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
         and has_column_privilege('howdah_app', c.oid, x.attnum, $1)
       group by 1 order by 1`,
      [privilege],
    );

  test('there is a row of each in every table', async () => {
    expect(await emptyTables(db.pool, a)).toEqual([]);
    expect(await emptyTables(db.pool, b)).toEqual([]);
  });

  test('by reading any table or view', async () => {
    const relations = await columnsFor('select');
    expect(relations.length).toBeGreaterThan(25);
    await asA(async (client) => {
      for (const { name, columns } of relations) {
        const rows = await all(client, `select ${columns.join(', ')} from howdah.${name}`);
        const said = JSON.stringify(rows);
        const found = [MARK, b, ...allIds()].filter((secret) => said.includes(secret));
        expect({ name, found }).toEqual({ name, found: [] });
      }
    });
  });

  test('nor changes a row of it by any statement', async () => {
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
    for (const { name, columns } of await columnsFor('update')) {
      await asA(async (client) => {
        for (const column of columns) {
          const text = `update howdah.${name} set ${column} = ${column} where ${keyOf(name)} = any ($1) returning 1`;
          const got = await outcome(client, text, [theirs[name] ?? theirs.agents], []);
          expect({ name, column, got }).toEqual({ name, column, got: { rows: [] } });
        }
        await client.query('reset role'); // what was done to rows of a is not the question here
      });
    }
    const deletable = await all(
      db.pool,
      `select relname as name from pg_class where relnamespace = 'howdah'::regnamespace and relkind in ('r', 'p')
         and has_table_privilege('howdah_app', oid, 'delete')`,
    );
    await asA(async (client) => {
      for (const { name } of deletable) {
        const text = `delete from howdah.${name} where ${keyOf(name)} = any ($1) returning 1`;
        const got = await outcome(client, text, [theirs[name] ?? theirs.agents], []);
        expect({ name, got }).toEqual({ name, got: { rows: [] } });
      }
    });
    expect(await digest()).toEqual(before);
  });

  test('by referring to a row of it', async () => {
    const written = new Map<string, string[]>();
    for (const { name, columns } of await columnsFor('insert')) written.set(name, columns);
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
          const nowhere = await attempt(await unknownId());
          for (const id of candidates(column)) {
            const got = await attempt(id);
            expect({ name, column, got }).toEqual({ name, column, got: nowhere });
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
  });

  /** Parts of agents have no id of their own. */
  const keyOf = (name: string) => (theirs[name] ? 'id' : 'agent_id');
  /** Ids of b that could stand in a column of this name. */
  const candidates = (column: string): string[] => {
    const kind = column.replace(/^(parent|root|compensation)_/, '').replace(/_id$/, 's');
    return theirs[kind] ?? allIds();
  };
  const readable = async (name: string) =>
    (await columnsFor('select')).find((one) => one.name === name)?.columns.join(', ') ?? '*';
  const unknownId = async (): Promise<string> =>
    (await one(db.pool, 'select howdah.uuid_v7()::text as id')).id;

  test('by calling any function', async () => {
    const functions = await all(
      db.pool,
      `select p.oid::regprocedure::text as signature, n.nspname || '.' || p.proname as name, p.proname as short,
         p.prokind as kind, array(select t::regtype::text from unnest(p.proargtypes) as t) as types
       from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
       where n.nspname in ('howdah', 'howdah_private') and p.prorettype <> 'trigger'::regtype
         and has_function_privilege('howdah_app', p.oid, 'execute') order by 1`,
    );
    let calls = 0;
    await asA(async (client) => {
      for (const { signature, name, short, kind, types } of functions) {
        const points = types.some((type: string) => type === 'uuid' || type === 'text');
        if (!points || short === 'is_uuid_v7' || kind === 'p') continue;
        const text = `select * from ${name}(${types.map((type: string, index: number) => `$${index + 1}::${type}`).join(', ')})`;
        const call = (id: string, word: string) =>
          outcome(
            client,
            text,
            types.map((type: string) => sample(type, id, WORDS[short] ?? word)),
            [id, word],
          );
        const nowhere = await call(randomId(), 'no-such-name');
        for (const id of allIds()) {
          calls += 1;
          expect({ signature, got: await call(id, MARK) }).toEqual({ signature, got: nowhere });
        }
      }
    });
    expect(calls).toBeGreaterThan(300);
  });

  /** A value for an argument: the id or the word in question, else anything that fits. */
  const sample = (type: string, id: string, word: string): unknown => {
    if (type === 'uuid' || type === 'howdah.uuid_v7_id') return id;
    if (type === 'uuid[]') return [id];
    if (type === 'text') return word;
    if (type === 'jsonb') return '{}';
    if (type === 'integer') return 1;
    return null;
  };
  const randomId = () => randomUUID().replace(/^(.{14})4/, '$17');

  test('by a function that nobody has reviewed', async () => {
    const definers = await all(
      db.pool,
      `select distinct p.proname as name from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
       where n.nspname in ('howdah', 'howdah_private') and p.prosecdef and p.prorettype <> 'trigger'::regtype
         and (has_function_privilege('howdah_app', p.oid, 'execute')
           or has_function_privilege('howdah_analyst', p.oid, 'execute'))
       order by 1`,
    );
    expect(definers.map(({ name }) => name)).toEqual(Object.keys(REVIEWED).sort());
  });
});
