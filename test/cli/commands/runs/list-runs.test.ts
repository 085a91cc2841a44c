import { expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

const db = testDatabase();

test('howdah runs lists the agent of each run, and its duration once it has started', async () => {
  await runCli(db.url, 'run', 'development', 'What is Howdah?');
  await db.pool.query(
    `select howdah.run('development', 'Later', run_at => now() + interval '1 h')`,
  );
  const { stdout } = await runCli(db.url, 'runs', '--json');
  const [later, done] = JSON.parse(stdout).items;
  expect(later).toMatchObject({ agent: 'development', status: 'queued', seconds: null });
  expect(done).toMatchObject({ agent: 'development', status: 'completed' });
  const { rows } = await db.pool.query(
    `select round(extract(epoch from completed_at - started_at), 3)::float8 as seconds
     from howdah.executions where id = $1`,
    [done.id],
  );
  expect(done.seconds).toBe(rows[0].seconds);
  expect((await runCli(db.url, 'runs')).stdout).toMatch(/^ID +AGENT .* SECONDS +CREATED_AT/);
});
