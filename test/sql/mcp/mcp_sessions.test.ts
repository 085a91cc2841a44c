import type pg from 'pg';
import { beforeEach, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, isBlocked, makeTenant, one, refusal, takeRole, unique } from '../support.ts';

const db = testDatabase();

beforeEach(() => db.pool.query('delete from howdah_private.mcp_sessions'));

const SET = `select howdah_private.set_mcp_log_level($1, 'info')`;
const SUBSCRIBE = `select howdah_private.subscribe_mcp_to($1, 'docs://handbook', 'new')`;
const KEEP = `select count(*)::int as count from howdah_private.mcp_subscriptions(
  array_fill(howdah.current_tenant(), array[cardinality($1::text[])]), $1)`;

/** Creates sessions that expire in so many hours. A negative number creates expired ones. */
const make = (names: readonly string[], hours: number, tenant: string | null = null) =>
  db.pool.query(
    `insert into howdah_private.mcp_sessions (tenant_id, session, expires_at)
     select coalesce($3, howdah.current_tenant()), t.name, now() + make_interval(hours => $2) + t.nth * interval '1 ms'
     from unnest($1::text[]) with ordinality as t (name, nth)`,
    [names, hours, tenant],
  );
const sessions = async () =>
  (
    await all<{ session: string }>(
      db.pool,
      'select session from howdah_private.mcp_sessions order by 1',
    )
  ).map(({ session }) => session);

/** Runs `work` with three transactions. Rolls all of them back, also after an error. */
async function inTransactions<T>(
  work: (...clients: [pg.PoolClient, pg.PoolClient, pg.PoolClient]) => Promise<T>,
): Promise<T> {
  const clients = await Promise.all([db.pool.connect(), db.pool.connect(), db.pool.connect()]);
  try {
    for (const client of clients) await client.query('begin');
    return await work(...clients);
  } finally {
    for (const client of clients) client.release(true);
  }
}

test.each([
  ['set the log level', SET],
  ['subscribe to a resource', SUBSCRIBE],
])(
  'concurrent calls that revive expired sessions do not wait for one another: %s',
  async (_, text) => {
    await make(['a', 'b', 'c'], -1);
    await inTransactions(async (one, other, third) => {
      // The third session locks a row. A sweep that waited for it would keep its own locks
      // meanwhile.
      await third.query(
        `select from howdah_private.mcp_sessions where session = 'c' for key share`,
      );
      const first = one.query(text, ['a']).then(() => one.query('commit'));
      const second = other.query(text, ['b']).then(() => other.query('commit'));
      await Promise.all([first, second]);
      await third.query('commit');
    });
    expect(await sessions()).toEqual(['a', 'b', 'c']);
  },
);

test('streams of several processes renew the same sessions in any order', async () => {
  await make(['a', 'b', 'c'], 1);
  await inTransactions(async (one, other) => {
    await one.query(`select from howdah_private.mcp_sessions where session = 'b' for update`);
    const { rows } = await other.query(KEEP, [['c', 'b', 'a']]);
    expect(rows).toEqual([{ count: 3 }]);
    // Reading the subscriptions renews the sessions that nobody has locked, without waiting.
    await one.query('commit');
    await other.query('commit');
  });
  const remaining = await all(
    db.pool,
    `select session from howdah_private.mcp_sessions where expires_at > now() + interval '12 hours' order by 1`,
  );
  expect(remaining).toEqual([{ session: 'a' }, { session: 'c' }]);
});

test('a request deletes 100 expired sessions, the oldest first', async () => {
  const names = Array.from({ length: 150 }, (_, at) => `s${String(at).padStart(3, '0')}`);
  await make(names, -1);
  await db.pool.query(SET, ['mine']);
  expect(await sessions()).toEqual(['mine', ...names.slice(100)]);
});

test('a tenant has a maximum of sessions; existing ones and other tenants are unaffected', async () => {
  const { most } = await one(db.pool, 'select howdah_private.max_mcp_sessions() as most');
  await db.pool.query(
    `insert into howdah_private.mcp_sessions (tenant_id, session, expires_at)
     select howdah.current_tenant(), 's' || n, now() + interval '1 hour' from generate_series(1, $1::int - 1) as n`,
    [most],
  );
  await make(['ended'], -1); // not counted
  await inTransactions(async (one, other) => {
    await one.query(SET, ['last']);
    const late = refusal(other.query(SUBSCRIBE, ['one more']));
    await isBlocked(db.pool, other);
    await one.query('commit');
    expect(await late).toMatchObject({
      code: 'HWQTA',
      detail: `{"max_sessions": ${most}}`,
      hint: expect.stringContaining('a day'),
    });
  });
  await db.pool.query(SUBSCRIBE, ['s1']);
  expect(await refusal(db.pool.query(SET, ['another']))).toMatchObject({ code: 'HWQTA' });
  const tenant = await makeTenant(db.pool);
  await inTransactions(async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenant,
      'howdah.role': 'member',
    });
    await client.query(SET, ['of another']);
  });
});

test('a caller gets a tenth of the sessions, so others can still connect', async () => {
  const { share } = await one(
    db.pool,
    'select howdah_private.max_mcp_sessions_of_caller() as share',
  );
  const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
  const as = (caller: Record<string, string>, work: (client: pg.PoolClient) => Promise<void>) =>
    inTransactions(async (client) => {
      await takeRole(client, 'howdah_app', {
        'howdah.tenant_id': tenant,
        'howdah.role': 'member',
        ...caller,
      });
      await work(client);
    });
  const [ada = '', bob = ''] = await Promise.all(
    ['ada', 'bob'].map(async (name) => {
      const row = await one(
        db.pool,
        'insert into howdah.users (username) values ($1) returning id',
        [unique(name)],
      );
      return row.id as string;
    }),
  );
  await db.pool.query(
    `insert into howdah_private.mcp_sessions (tenant_id, session, caller, expires_at)
     select howdah.current_tenant(), 's' || n, $2, now() + interval '1 hour' from generate_series(1, $1::int - 1) as n`,
    [share, ada],
  );
  await as({ 'howdah.user_id': ada }, async (client) => {
    await client.query(SUBSCRIBE, ['last']);
    await client.query(SUBSCRIBE, ['s1']);
    await client.query('savepoint before');
    for (const text of [SET, SUBSCRIBE]) {
      expect(await refusal(client.query(text, ['one more']))).toMatchObject({
        code: 'HWQTA',
        detail: `{"max_sessions": ${share}}`,
      });
      await client.query('rollback to before');
    }
  });
  await as({ 'howdah.user_id': bob }, async (client) => {
    await client.query(SET, ['of bob']);
  });
});

test.each([
  ['session', SET, 'x'.repeat(201)],
  ['session', SUBSCRIBE, 'x'.repeat(100_000)],
  ['uri', `select howdah_private.subscribe_mcp_to('s', $1, 'new')`, 'x'.repeat(2001)],
  ['said', `select howdah_private.subscribe_mcp_to('s', 'docs://handbook', $1)`, 'x'.repeat(201)],
  ['said', `select howdah_private.set_mcp_log_level('s', $1)`, 'x'.repeat(201)],
])('a %s longer than allowed is rejected: %s', async (field, text, value) => {
  const refused = await refusal(db.pool.query(text, [value]));
  expect(refused).toMatchObject({ code: 'HWINV' });
  expect(refused.fields).toMatchObject({ field });
  expect(await sessions()).toEqual([]);
});
