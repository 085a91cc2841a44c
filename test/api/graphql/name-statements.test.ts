import { describe, expect, test } from 'vitest';
import { openRequests } from '../../../src/api/pools.ts';
import { inTransaction, type Pool } from '../../../src/db/connection/pool.ts';
import { makeRun } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';
import { recordStatements } from '../lists/explained.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

// Plans of statements that read rows by their ids are kept.

const db = testDatabase();

const byId = (table: string) => `select t."v" from ${table} as t where (t."id" = $1::"uuid");`;
const ID = '00000000-0000-4000-8000-000000000001';

async function withRequests(work: (pool: Pool) => Promise<void>, poolerUrl?: string) {
  const pool = openRequests({ url: db.url, poolerUrl }, 1);
  try {
    await work(pool);
  } finally {
    await pool.end();
  }
}

/** Runs a statement several times, and returns the statements that the session has prepared. */
async function preparedBy(pool: Pool, text: string, values: unknown[]) {
  return inTransaction(pool, async (client) => {
    await client.query('set local role none');
    for (let time = 1; time <= 8; time += 1) await client.query({ text, values });
    const { rows } = await client.query<{ statement: string; generic_plans: string }>(
      'select statement, generic_plans from pg_prepared_statements order by prepare_time',
    );
    return rows;
  });
}

describe('a connection for requests', () => {
  test('keeps the plan of a statement that reads rows by ids', async () => {
    await withRequests(async (pool) => {
      const texts = [
        'select t.id from howdah.agents as t where (t."id" = $1::"uuid");',
        'select t.id from json_array_elements($1::json) as i, howdah.agents as t where t.id = (i.value ->> 0)::uuid',
      ];
      await preparedBy(pool, texts[0] ?? '', [ID]);
      const prepared = await preparedBy(pool, texts[1] ?? '', [JSON.stringify([[ID]])]);
      expect(prepared.map(({ statement }) => statement)).toEqual(texts);
      // of 8 uses, two have no name, and Postgres plans the next five for their values
      expect(prepared.map(({ generic_plans }) => Number(generic_plans))).toEqual([1, 1]);
    });
  });

  test.each([
    ['select t.id from howdah.agents as t where (t."name" = $1::"text")', ['a']],
    ['select t.id from howdah.agents as t where t.name = $2 and (t."id" = $1::"uuid")', [ID, 'a']],
  ])('plans each use of %s', async (text, values) => {
    await withRequests(async (pool) => {
      expect(await preparedBy(pool, text, values)).toEqual([]);
    });
  });

  test('has at most 20 named statements', async () => {
    await withRequests(async (pool) => {
      const counts: number[] = [];
      for (let of = 1; of <= 22; of += 1) {
        const text = `select t.id, ${of} from howdah.agents as t where (t."id" = $1::"uuid")`;
        counts.push((await preparedBy(pool, text, [ID])).length);
      }
      expect(counts.slice(-4)).toEqual([19, 20, 20, 20]);
    });
  });

  test('names no statement behind a pooler', async () => {
    await withRequests(async (pool) => {
      const text = 'select t.id from howdah.agents as t where (t."id" = $1::"uuid")';
      expect(await preparedBy(pool, text, [ID])).toEqual([]);
    }, db.url);
  });

  test('reads a column again whose type a migration has changed', async () => {
    await db.pool.query(`create schema if not exists changing`);
    await db.pool.query(`create table changing.t (id uuid primary key, v int)`);
    await db.pool.query(`insert into changing.t values ('${ID}', 1)`);
    const read = (pool: Pool) =>
      inTransaction(pool, async (client) => {
        await client.query('set local role none');
        return (await client.query({ text: byId('changing.t'), values: [ID] })).rows;
      });
    await withRequests(async (pool) => {
      for (let time = 1; time <= 4; time += 1) expect(await read(pool)).toEqual([{ v: 1 }]);
      await db.pool.query('alter table changing.t alter v type text');
      await expect(read(pool)).rejects.toMatchObject({ code: '0A000' });
      for (let time = 1; time <= 4; time += 1) expect(await read(pool)).toEqual([{ v: '1' }]);
    });
  });
});

test('GraphQL names statements of runs by id, and none of lists', async () => {
  const api = await startTestApi(db.url, tokenOptions);
  try {
    const run = await makeRun(db.pool);
    const token = await tokenFor(await makePerson(db.pool, 'reader'), { role: 'owner' });
    const namesOf = async (query: string) => {
      const names = new Set<string | undefined>();
      for (let time = 1; time <= 40; time += 1) {
        for (const { name } of await recordStatements(() => ask(api, query, {}, token))) {
          names.add(name);
        }
      }
      return [...names];
    };
    const byIdOnly = await namesOf(`{ execution(id: "${run}") { id agent { name } } }`);
    expect(byIdOnly.filter((name) => name !== undefined)).toHaveLength(1);
    expect(await namesOf('{ executions(first: 5) { nodes { id agent { name } } } }')).toEqual([
      undefined,
    ]);
  } finally {
    await api.close();
  }
});
