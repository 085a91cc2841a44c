import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, insertRun, makeAgent, waitForEnd } from '../arrange.ts';
import { createShop, takeLock } from '../shop.ts';
import { makeTeam, startTeam } from '../teams.ts';

// A statement of a run ends at the server when the run is cancelled, and is not sent again.

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  await createShop(database.pool);
  worker = await startTestWorker(database.url);
  await database.pool.query(
    `update howdah.tools set configuration = configuration || '{"timeout_ms": 60000, "max_cost": 1e15}' where name = 'sql_query'`,
  );
});
afterAll(async () => {
  await worker.stop(0);
});

const SLOW = `select count(*) as n from generate_series(1, 1000000) as a, generate_series(1, 1000000) as b`;

async function agentThatCalls(name: string, args: object): Promise<string> {
  const script = [callTools({ name, arguments: args as never }), { content: 'never' }];
  return insertRun(database.pool, await makeAgent(database.pool, { script, tools: [name] }));
}

const RUNS: Record<string, [application: string, start: () => Promise<string>]> = {
  'a query of a model': ['howdah-queries', () => agentThatCalls('sql_query', { query: SLOW })],
  'a function of the database': ['howdah-tools', () => agentThatCalls('wait_for', { lock: 9 })],
  'the query of a map': [
    'howdah-queries',
    async () => {
      const team = await makeTeam(database.pool, {
        type: 'map',
        members: [{ agent: await makeAgent(database.pool, { script: [{ content: 'never' }] }) }],
        configuration: { query: SLOW },
      });
      return startTeam(database.pool, team);
    },
  ],
};

test.each(Object.entries(RUNS))('%s ends when its run is cancelled', async (_, [name, start]) => {
  const { pool } = database;
  const release = await takeLock(pool, 9);
  try {
    const working = `select pid from pg_stat_activity where datname = current_database()
    and application_name = $1 and state = 'active' and query ~ 'run_read_query|run_as_tool_role'`;
    const id = await start();
    await eventually(pool, 'the statement runs', working, [name]);
    await pool.query('select howdah.cancel_execution($1)', [id]);
    await eventually(pool, 'the statement ended', `select where not exists (${working})`, [name]);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'cancelled' });
  } finally {
    await release();
  }
});
