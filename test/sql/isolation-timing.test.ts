import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { compareTimes, leastDifference, SURE } from '../support/two-samples.ts';
import { all, makeRun, one, rolledBack, takeRole } from './support.ts';
import { makeTwoTenants } from './two-tenants.ts';
import { idLike, rowsOf } from './walk.ts';

/**
 * What isolation-cost.test.ts counts is taken by the clock here, by the database's own, as a direct login could read it: 500
 * probes of ids of another tenant and 500 of ids that are nowhere, in random order.
 */

/** A statement, and the table whose ids it is about. */
const DOORS: [table: string, statement: string][] = [
  ['agents', 'select * from howdah.agent_versions where agent_id = $1'],
  ['executions', 'select id, status from howdah.executions where id = $1'],
  ['sessions', 'select id, title from howdah.sessions where id = $1'],
  ['sessions', 'update howdah.sessions set title = title where id = $1'],
  ['executions', 'select howdah.cancel_execution($1)'],
  ['executions', 'select howdah.fork_execution($1, 0)'],
  ['executions', `select howdah.add_input($1, 'more')`],
  ['executions', 'select howdah.export_run($1)'],
  ['executions', 'select howdah.explain_execution($1)'],
  ['executions', 'select howdah.compare_executions($1, $1)'],
  ['questions', `select howdah.answer_question($1, 'yes')`],
  ['sessions', `select howdah.send_message($1, 'hello')`],
  ['sessions', `select howdah.fork_session($1, 'hello')`],
  ['sessions', 'select howdah.session_state($1)'],
  ['agents', 'select howdah.delete_agent($1)'],
  ['api_keys', 'select howdah.revoke_api_key($1)'],
  ['users', 'select howdah.export_user_data($1)'],
];

describe('an id of another tenant takes as long as one that is nowhere', {
  timeout: 300_000,
}, () => {
  let db: TestDatabase;
  let a: string;
  let b: string;
  let theirs: Record<string, string[]>;
  const least: number[] = [];

  beforeAll(async () => {
    db = await createTestDatabase();
    ({ a, b } = await makeTwoTenants(db.pool));
    const [agent_id] = (await rowsOf(db.pool, b, 1)).agents ?? [];
    for (let count = 0; count < 20; count += 1) {
      await makeRun(db.pool, { tenant_id: b, agent_id });
    }
    theirs = await rowsOf(db.pool, b, 20);
  });
  afterAll(async () => {
    console.info(
      `isolation by the clock: ${least.length} doors, |z| at most ${Math.max(...least)}`,
    );
    await db?.drop();
  });

  const asA = <T>(work: (client: pg.PoolClient) => Promise<T>) =>
    rolledBack(db.pool, async (client) => {
      // a plan for any id, as long-lived connections have it: planning for each would drown the rest
      await client.query('set local plan_cache_mode = force_generic_plan');
      await client.query(`create function pg_temp.times(ids uuid[]) returns float[] language plpgsql as $$
        declare v_id uuid; v_began timestamptz; v_row record; v_times float[];
        begin
          foreach v_id in array ids loop
            v_began := clock_timestamp();
            begin execute format('execute door (%L)', v_id);
            exception when others then null; end;
            v_times := v_times || extract(epoch from clock_timestamp() - v_began)::float * 1e6;
          end loop;
          return v_times;
        end $$`);
      await takeRole(client, 'howdah_app', { 'howdah.tenant_id': a });
      return work(client);
    });

  /** Microseconds of ids and of others beside them that are nowhere. */
  const compare = (statement: string, ids: string[]) =>
    asA(async (client) => {
      const times = async (probes: string[]) => {
        const row = await one(client, 'select pg_temp.times($1) as times', [probes]);
        return row.times as number[];
      };
      const anyOf = (those: string[]) => () =>
        those[Math.floor(Math.random() * those.length)] ?? '';
      const theirs = anyOf(ids);
      const nowhere = anyOf(ids.map(idLike)); // as often as theirs: what was looked for before is faster
      await client.query(`prepare door (uuid) as ${statement}`);
      try {
        await times(Array.from({ length: 50 }, nowhere));
        return await compareTimes([theirs, nowhere], times);
      } finally {
        await client.query('deallocate door');
      }
    });

  test.each(DOORS)('%s: %s', async (table, statement) => {
    const found = await leastDifference(() => compare(statement, theirs[table] ?? []));
    least.push(Math.abs(found.z));
    expect(Math.abs(found.z)).toBeLessThan(SURE);
  });

  test.each([240, 40_000])(
    'where the tree of the primary key is a level lower: %i sessions',
    async (sessions) => {
      await db.pool.query(
        `insert into howdah.sessions (tenant_id, title) select $1, 'one of many'
         from generate_series(1, $2 - (select count(*) from howdah.sessions))`,
        [b, sessions],
      );
      await db.pool.query('vacuum analyze howdah.sessions');
      const ids = (await rowsOf(db.pool, b, 500)).sessions ?? [];
      for (const select of ['id, title', 'title', '*']) {
        const statement = `select ${select} from howdah.sessions where id = $1`;
        const found = await leastDifference(() => compare(statement, ids));
        least.push(Math.abs(found.z));
        expect(Math.abs(found.z)).toBeLessThan(SURE);
      }
    },
  );

  test('which this sees: a row of its own takes longer', async () => {
    const rows = await all(db.pool, 'select id from howdah.sessions where tenant_id = $1', [a]);
    const own = rows.map(({ id }) => id);
    const find = 'select id, title from howdah.sessions where id = $1';
    const difference = async () => (await compare(find, own)).z;
    await expect.poll(difference, { timeout: 100_000 }).toBeGreaterThan(SURE);
  });
});
