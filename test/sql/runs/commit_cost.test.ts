import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { claim, commit, makeAgent, makeRun, makeWorker, testClient } from '../support.ts';

// What a commit evaluates, counted. Plans cannot show it: a function that is inlined several times
// is evaluated several times.

const db = testDatabase();

test('the next status of a run is evaluated once', async () => {
  const worker = await makeWorker(db.pool);
  const agent = await makeAgent(db.pool);
  const ids = [];
  for (let count = 0; count < 3; count += 1) {
    ids.push(await makeRun(db.pool, { agent_id: agent }));
  }
  await claim(db.pool, worker, ids);
  const client = await testClient(db.pool);
  await client.query('begin');
  await client.query(`create temp sequence evaluations`);
  await client.query(`grant usage on sequence evaluations to public`);
  await client.query(`
    create or replace function howdah_private.next_status(
      wanted howdah.execution_status, waits_for howdah.waiting_reason, e howdah.executions
    ) returns howdah.execution_status language sql volatile
    as $$ select wanted from nextval('pg_temp.evaluations') $$`);
  const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 60_000 };
  const commits = ids.map((id) => ({ id, fence: 1, after: 0, steps: [{ kind: 'guard' }], to }));
  const results = await commit(client, worker, commits);
  expect(results.map(({ status }) => status)).toEqual(['waiting', 'waiting', 'waiting']);
  const { rows } = await client.query('select last_value::int as count from evaluations');
  expect(rows).toEqual([{ count: ids.length }]);
  await client.query('rollback');
});
