import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { connectionsOfOneTenant, createConnections } from '../../../src/api/limits/connections.ts';
import { createPool } from '../../../src/db/connection/pool.ts';
import { rolledBack } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';

const db = testDatabase();

test('a single tenant opens at most its own share of the connections', async () => {
  const max = Math.max(10, 2 * availableParallelism());
  const pool = createPool({ url: db.url, applicationName: 'howdah-api', max });
  const connections = createConnections(pool);
  const connect = (tenantId: string) => connections.as({ tenantId, userId: undefined }).connect();
  const acme = randomUUID();
  const connecting = Array.from({ length: max }, () => connect(acme));
  const other = await connect(randomUUID());
  // includes connections that are being opened
  expect(pool.totalCount).toBe(connectionsOfOneTenant(max) + 1);
  other.release();
  for (const one of connecting) (await one).release();
  await pool.end();
});

test('a caller that leaves has its statement cancelled in Postgres', async () => {
  const pool = createPool({ url: db.url, applicationName: 'howdah-api', max: 1 });
  const leaving = new AbortController();
  const caller = { tenantId: randomUUID(), userId: undefined };
  const waits = `select from pg_stat_activity
    where wait_event = 'advisory' and datname = current_database()`;
  await rolledBack(db.pool, async (holder) => {
    await holder.query('select pg_advisory_xact_lock(22)');
    const client = await createConnections(pool).as(caller, leaving.signal).connect();
    const lockQuery = client.query('select pg_advisory_lock(22)').catch(({ code }) => code);
    await eventually(db.pool, 'the statement waits', waits);
    leaving.abort();
    const gone = `select where not exists (${waits})`;
    await eventually(db.pool, 'the statement has ended at the server', gone);
    expect(await lockQuery).toBe('57014');
    client.release();
  });
  await pool.end();
});
