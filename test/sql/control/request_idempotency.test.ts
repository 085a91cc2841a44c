import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, one, openSession } from '../support.ts';

const db = testDatabase();
const TAKE = 'select howdah_private.take_request_key($1, $2) as answer';

/** Inserts a key that the caller of this session used two days ago. */
const insertExpired = (key: string) =>
  db.pool.query(
    `insert into howdah_private.request_keys (tenant_id, caller, key, digest, answer, created_at)
     values (howdah.current_tenant(), howdah_private.key_holder(), $1, 'old', '{}',
       now() - interval '2 days')`,
    [key],
  );

test('requests with keys do not block one another while deleting expired keys', async () => {
  await insertExpired('expired');
  const [first, second] = [await openSession(db.url), await openSession(db.url)];
  try {
    await first.query('begin');
    await first.query(TAKE, ['first', 'x']);
    await second.query(`set lock_timeout = '5s'`);
    expect((await second.query(TAKE, ['second', 'x'])).rows).toEqual([{ answer: null }]);
    await first.query('commit');
  } finally {
    await Promise.all([first.end(), second.end()]);
  }
  expect(await all(db.pool, 'select key from howdah_private.request_keys order by key')).toEqual([
    { key: 'first' },
    { key: 'second' },
  ]);
});

test('an expired key can be used again', async () => {
  await insertExpired('again');
  expect(await one(db.pool, TAKE, ['again', 'another request'])).toEqual({ answer: null });
});
