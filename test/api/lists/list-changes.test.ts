import { expect, test } from 'vitest';
import { runConditions, runs } from '../../../src/api/lists/list-filters.ts';
import type { Queryable } from '../../../src/db/connection/pool.ts';
import { currentCursor, readChanges } from '../../../src/db/lists/list-changes.ts';
import { makeAgent, makeRun } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();

// It has a database of its own: a read begins at the oldest transaction of the whole server, and
// would return the rows of other tests first.
test('a row that stops matching during a read is not shown', async () => {
  const agent_id = await makeAgent(db.pool);
  const after = await currentCursor(db.pool);
  const id = await makeRun(db.pool, { agent_id });
  const filters = [
    runConditions({ agent_id, status: ['queued'] }),
    runConditions({ agent_id, status: ['cancelled'] }),
  ];
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    const meddled = {
      async query(text: string, values?: unknown[]) {
        if (text.startsWith('declare')) {
          await db.pool.query('select howdah.cancel_execution($1)', [id]);
        }
        return client.query(text, values);
      },
    };
    const { changes } = await readChanges(meddled as Queryable, runs, after, filters);
    expect(changes).toMatchObject([{ id, row: { status: 'cancelled' }, matches: new Set([1]) }]);
  } finally {
    await client.query('rollback');
    client.release();
  }
});
