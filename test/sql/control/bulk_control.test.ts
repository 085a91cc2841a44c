import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { answer, claim, commit, makeAgent, makeWorker, one, rolledBack } from '../support.ts';

const RUNS = 60;
const OTHERS = 2_000;

describe('controlling many runs in one statement', () => {
  const db = testDatabase();
  let agent: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    const worker = await makeWorker(db.pool);
    await db.pool.query(
      `insert into howdah.executions (agent_id, input, metadata)
       select $1, 'x', case when i <= $2 then '{"many": true}' else '{}' end::jsonb
       from generate_series(1, $3) as i`,
      [agent, RUNS, OTHERS],
    );
    const { rows } = await db.pool.query(
      `select id from howdah.executions where metadata @> '{"many": true}'`,
    );
    const ids = rows.map(({ id }) => id);
    await claim(db.pool, worker, ids);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
    await commit(
      db.pool,
      worker,
      ids.map((id) => ({ id, fence: 1, after: 0, steps: [answer], to })),
    );
    await db.pool.query('analyze howdah.executions');
  });

  const each = (name: string) =>
    `select count(*) from (
       select howdah.${name}_execution(id) from howdah.executions where metadata @> '{"many": true}' order by id offset 0
     ) as t`;

  test.each([['pause'], ['pause', 'resume'], ['cancel'], ['cancel', 'retry']])(
    '%s %s reads those runs and no others',
    async (...names) => {
      await rolledBack(db.pool, async (client) => {
        for (const name of names) {
          await client.query(each(name));
        }
        const { read } = await one(
          client,
          `select sum(seq_tup_read)::int as read from pg_stat_xact_user_tables where relname ~ '^executions'`,
        );
        expect(read).toBeLessThan(10 * OTHERS); // not once per run
      });
    },
  );

  test('one statement may control a run and its children, in any order, also within an exception block', async () => {
    for (const order of ['depth', 'depth desc']) {
      const { rows } = await db.pool.query(
        `with root as (
           insert into howdah.executions (agent_id, input, metadata) values ($1, 'x', jsonb_build_object('tree', $2::text))
           returning id
         ) select id from root`,
        [agent, order],
      );
      await db.pool.query(
        `insert into howdah.executions (agent_id, input, metadata, parent_execution_id)
         select $1, 'x', jsonb_build_object('tree', $2::text), $3 from generate_series(1, 3)`,
        [agent, order, rows[0].id],
      );
      const all = (name: string) => `
        do $do$ begin
          perform howdah.${name}_execution(e.id) from (
            select id from howdah.executions where metadata @> '{"tree": "${order}"}' order by ${order}, id
          ) as e;
        exception when division_by_zero then null;
        end $do$`;
      for (const name of ['pause', 'resume', 'cancel']) {
        await db.pool.query(all(name));
      }
      const found = await db.pool.query(
        `select distinct status from howdah.executions where metadata @> jsonb_build_object('tree', $1::text)`,
        [order],
      );
      expect(found.rows).toEqual([{ status: 'cancelled' }]);
    }
  });
});
