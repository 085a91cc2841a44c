import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { all, one, rolledBack, takeRole } from './support.ts';
import { makeTwoTenants } from './two-tenants.ts';
import {
  argumentsFor,
  callables,
  callOf,
  columnsFor,
  deletableTables,
  idLike,
  idsFor,
  rowsOf,
} from './walk.ts';

/**
 * What isolation.test.ts asks of answers is asked here of what they cost: for an id of another tenant Postgres does what it
 * does for one that is nowhere, down to the last page it looks at. That is exact where a clock is not: the same work on
 * the same pages takes the same time.
 */

type Plan = Record<string, unknown> & { Plans?: Plan[] };

describe('an id of another tenant costs what one costs that is nowhere', {
  timeout: 300_000,
}, () => {
  let db: TestDatabase;
  let a: string;
  /** Ids of the other tenant, by table. */
  let theirs: Record<string, string[]>;
  const walked: Record<string, number> = {};

  beforeAll(async () => {
    db = await createTestDatabase();
    const tenants = await makeTwoTenants(db.pool);
    a = tenants.a;
    theirs = { ...(await rowsOf(db.pool, tenants.b, 2)), tenants: [tenants.b] };
    await db.pool.query('analyze');
  });
  afterAll(async () => {
    console.info(`isolation in cost, walked: ${JSON.stringify(walked)}`);
    await db?.drop();
  });

  /** As the first tenant, with tables of a few rows read as large ones are: by index. */
  const asA = <T>(work: (client: pg.PoolClient) => Promise<T>, changes = '') =>
    rolledBack(db.pool, async (client) => {
      await client.query(changes);
      // what is refused costs as well
      await client.query(`create function pg_temp.attempt(statement text) returns text language plpgsql as $$
        declare v_row record;
        begin for v_row in execute statement loop end loop; return null;
        exception when others then return sqlstate; end $$`);
      await client.query('set local enable_seqscan = off');
      await client.query('set local enable_bitmapscan = off');
      await client.query('set local jit = off'); // which reading by index at any price would call for
      await takeRole(client, 'howdah_app', { 'howdah.tenant_id': a });
      return work(client);
    });

  const explain = async (client: pg.PoolClient, text: string): Promise<Plan> => {
    const options = 'analyze, buffers, timing off, summary off, format json';
    const row = await one(client, `explain (${options}) ${text}`);
    return row['QUERY PLAN'][0].Plan;
  };
  /** Pages looked at. */
  const pages = (plan: Plan) =>
    Number(plan['Shared Hit Blocks']) + Number(plan['Shared Read Blocks']);
  /** Nothing of it stays, which would be in the way of the next. */
  const attempt = async (client: pg.PoolClient, text: string) => {
    await client.query('savepoint before');
    const plan = await explain(client, `select pg_temp.attempt(${pg.escapeLiteral(text)})`);
    await client.query('rollback to savepoint before');
    return pages(plan);
  };

  /** What every node did, and how often; not how many rows it left out. */
  const nodes = (plan: Plan): unknown[] => [
    plan['Node Type'],
    plan['Index Name'] ?? plan['Relation Name'] ?? plan['Subplan Name'] ?? '',
    plan['Actual Loops'],
    plan['Actual Rows'],
    ...(plan.Plans ?? []).flatMap(nodes),
  ];

  /**
   * Pages for each id, and for one beside it that is nowhere; looked at again where they are not the same, since catalogues are
   * read and caches filled at any time, and a page may just be full.
   */
  async function costs(client: pg.PoolClient, ids: string[], statement: (id: string) => string) {
    const found = ids.map((id) => ({ id, theirs: Infinity, nowhere: Infinity }));
    await attempt(client, statement(idLike(ids[0] ?? '')));
    for (const entry of found) {
      for (let time = 0; time < 5 && (time === 0 || entry.theirs !== entry.nowhere); time += 1) {
        entry.nowhere = await attempt(client, statement(idLike(entry.id)));
        entry.theirs = await attempt(client, statement(entry.id));
      }
    }
    return found;
  }
  async function same(
    client: pg.PoolClient,
    what: string,
    ids: string[],
    statement: (id: string) => string,
  ) {
    for (const cost of await costs(client, ids, statement)) {
      expect({ what, ...cost }).toEqual({ what, ...cost, theirs: cost.nowhere });
    }
  }
  const candidates = (table: string, column: string) =>
    ((column === 'id' && theirs[table]) || idsFor(theirs, column)).slice(0, 9);
  const oneOfEach = () => Object.values(theirs).flatMap((ids) => ids.slice(0, 1));

  test('to look for in any column of any table or view', async () => {
    let searches = 0;
    const differ = new Set<string>();
    await asA(async (client) => {
      for (const { name, columns, ids } of await columnsFor(db.pool, 'select')) {
        for (const column of ids) {
          const find = (id: string) =>
            `select ${columns.join(', ')} from howdah.${name} where ${column} = '${id}'`;
          for (const cost of await costs(client, candidates(name, column), find)) {
            searches += 1;
            const did = nodes(await explain(client, find(cost.id)));
            expect({ find: find(cost.id), did }).toEqual({
              find: find(cost.id),
              did: nodes(await explain(client, find(idLike(cost.id)))),
            });
            if (cost.theirs !== cost.nowhere) differ.add(`${name}.${column}`);
          }
        }
      }
    });
    expect([...differ]).toEqual([]);
    Object.assign(walked, { searches });
  });

  test('by any index, whichever the size of a table makes the best', async () => {
    const found = await all(
      db.pool,
      `select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition,
         i.indkey[1] is not distinct from t.attnum as is_second
       from pg_index as i join pg_class as c on c.oid = i.indrelid
       join pg_attribute as t on t.attrelid = c.oid and t.attname = 'tenant_id'
       join pg_attribute as first on first.attrelid = c.oid and first.attnum = i.indkey[0]
       join pg_type as y on y.oid = first.atttypid
       where c.relnamespace = 'howdah'::regnamespace and not c.relispartition and c.relname <> 'tenants'
         -- tables of others refer to primary keys, and upserts name them
         and not i.indisprimary and first.attname <> 'tenant_id' and 'uuid'::regtype in (y.oid, y.typbasetype)
         and has_column_privilege('howdah_app', c.oid, first.attnum, 'select')`,
    );
    expect(found.length).toBeGreaterThan(10);
    expect(found.filter(({ is_second }) => !is_second)).toEqual([]);
    Object.assign(walked, { indexes: found.length });
  });

  test('to change or delete', async () => {
    await asA(async (client) => {
      for (const { name, columns } of await columnsFor(db.pool, 'update')) {
        if (!theirs[name]) continue; // parts, which go by their agent
        await same(client, `update ${name}`, theirs[name], (id) => {
          return `update howdah.${name} set ${columns[0]} = ${columns[0]} where id = '${id}' returning 1`;
        });
      }
      for (const name of await deletableTables(db.pool)) {
        const [key, ids] = theirs[name] ? ['id', theirs[name]] : ['agent_id', theirs.agents ?? []];
        await same(client, `delete from ${name}`, ids, (id) => {
          return `delete from howdah.${name} where ${key} = '${id}' returning 1`;
        });
      }
    });
  });

  test('to refer to', async () => {
    let references = 0;
    await asA(async (client) => {
      for (const { name, columns, ids } of await columnsFor(db.pool, 'insert')) {
        // by the owner: what may be written is not always to be read
        const [own] = await all(
          db.pool,
          `select to_jsonb(t) as row from (select ${columns.join(', ')} from howdah.${name} where tenant_id = $1) as t limit 1`,
          [a],
        );
        for (const column of ids) {
          references += 1;
          await same(client, `${name}.${column}`, idsFor(theirs, column).slice(0, 9), (id) => {
            const row = JSON.stringify({ ...own?.row, bytes: null, sha256: null, [column]: id });
            return `insert into howdah.${name} (${columns.join(', ')}) select ${columns.join(', ')}
              from jsonb_populate_record(null::howdah.${name}, ${pg.escapeLiteral(row)})`;
          });
        }
      }
    });
    expect(references).toBeGreaterThan(10);
    Object.assign(walked, { references });
  });

  test('to call any function with', async () => {
    const functions = (await callables(db.pool)).filter(({ types }) => types.includes('uuid'));
    await asA(async (client) => {
      for (const called of functions) {
        await same(client, called.signature, oneOfEach(), (id) => {
          const values = argumentsFor(called, id, 'no-such-name').map((value) =>
            value === null
              ? 'null'
              : pg.escapeLiteral(Array.isArray(value) ? `{${value}}` : `${value}`),
          );
          return callOf(called).replace(/\$(\d+)/g, (_, place) => values[place - 1] ?? '');
        });
      }
    });
    expect(functions.length).toBeGreaterThan(25);
    Object.assign(walked, {
      functions: functions.length,
      calls: functions.length * oneOfEach().length,
    });
  });

  describe('which is no matter of course: this sees', () => {
    const agent = () => theirs.agents?.[0] ?? '';

    test('a row that is found', async () => {
      await asA(async (client) => {
        const { id } = await one(client, 'select id from howdah.agents limit 1');
        const find = (id: string) => `select name from howdah.agents where id = '${id}'`;
        const [cost] = await costs(client, [id], find);
        expect(cost?.theirs).toBeGreaterThan(cost?.nowhere ?? Infinity);
        expect(nodes(await explain(client, find(id)))).not.toEqual(
          nodes(await explain(client, find(agent()))),
        );
      });
    });

    test('a policy that asks for the tenant when a row is found', async () => {
      await asA(
        async (client) => {
          const find = (id: string) => `select id from howdah.plain where id = '${id}'`;
          expect(nodes(await explain(client, find(agent())))).not.toEqual(
            nodes(await explain(client, find(idLike(agent())))),
          );
        },
        `create table howdah.plain (id uuid primary key, tenant_id uuid);
        insert into howdah.plain select a.id, a.tenant_id from howdah.agents as a;
        alter table howdah.plain enable row level security;
        create policy tenant on howdah.plain using (tenant_id = (select howdah.current_tenant()));
        grant select on howdah.plain to howdah_app`,
      );
    });

    test('a function that asks for the tenant when a row is found', async () => {
      await asA(
        async (client) => {
          const [cost] = await costs(client, [agent()], (id) => `select howdah.name_of('${id}')`);
          expect(cost?.theirs).toBeGreaterThan(cost?.nowhere ?? Infinity);
        },
        `create function howdah.name_of(id uuid) returns text language sql stable security definer as $$
           select a.name from howdah.agents as a
           where a.id = name_of.id and howdah_private.may_act_for(a.tenant_id)
         $$`,
      );
    });
  });
});
