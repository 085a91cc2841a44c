import { describe, expect, test } from 'vitest';
import { replaceableFiles } from '../../../src/db/schema/replaceable-files.ts';
import { testDatabase } from '../../support/database.ts';
import { all, makeAgent, makeRun, one, rolledBack } from '../support.ts';

describe('queue view', () => {
  const db = testDatabase();

  test('only its file names private tables of Graphile Worker', () => {
    const naming = replaceableFiles().filter(({ text }) => /graphile_worker\._private/.test(text));
    expect(naming.map(({ path }) => path)).toEqual(['sql/10_private/queue/queue_view.sql']);
  });

  test('has the columns that Howdah needs', async () => {
    expect(
      await all(
        db.pool,
        `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type from pg_attribute as a
         where a.attrelid = 'howdah_private.queue_jobs'::regclass and a.attnum > 0 order by a.attnum`,
      ),
    ).toEqual([
      { name: 'id', type: 'bigint' },
      { name: 'key', type: 'text' },
      { name: 'payload', type: 'json' },
      { name: 'run_at', type: 'timestamp with time zone' },
      { name: 'attempts', type: 'smallint' },
      { name: 'max_attempts', type: 'smallint' },
      { name: 'last_error', type: 'text' },
      { name: 'updated_at', type: 'timestamp with time zone' },
      { name: 'locked_at', type: 'timestamp with time zone' },
      { name: 'locked_by', type: 'text' },
      { name: 'task', type: 'text' },
      { name: 'task_id', type: 'integer' },
      { name: 'priority', type: 'smallint' },
    ]);
  });

  test('shows a job with its task; for update locks the job and not the task', async () => {
    const run = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
    await rolledBack(db.pool, async (client) => {
      const job = `select key, task, payload, attempts, max_attempts, locked_at, locked_by
        from howdah_private.queue_jobs where key = $1 for update skip locked`;
      expect(await one(client, job, [run])).toEqual({
        ...{ key: run, task: 'advance', payload: { id: run } },
        ...{ attempts: 0, max_attempts: 25, locked_at: null, locked_by: null },
      });
      expect(await all(db.pool, job, [run])).toEqual([]);
      const task = `select identifier from graphile_worker._private_tasks where identifier = 'advance' for update nowait`;
      expect(await all(db.pool, task)).toHaveLength(1);
    });
  });

  test('queue_table() returns the name of the underlying table for Postgres statistics', async () => {
    expect(await one(db.pool, 'select howdah_private.queue_table()::text as name')).toEqual({
      name: 'graphile_worker._private_jobs',
    });
  });
});
