import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { connectionsOfOneTenant, createConnections } from '../../src/api/connections.ts';
import { createPool } from '../../src/db/pool.ts';
import { testDatabase } from '../support/database.ts';

const db = testDatabase();

test('a tenant that is alone opens no more connections than one tenant may hold', async () => {
  const max = Math.max(10, 2 * availableParallelism());
  const pool = createPool({ url: db.url, applicationName: 'howdah-api', max });
  const connections = createConnections(pool);
  const connect = (tenantId: string) => connections.as({ tenantId, userId: undefined }).connect();
  const acme = randomUUID();
  const asked = Array.from({ length: max }, () => connect(acme));
  const other = await connect(randomUUID());
  // counts connections that are being opened, too
  expect(pool.totalCount).toBe(connectionsOfOneTenant(max) + 1);
  other.release();
  for (const one of asked) (await one).release();
  await pool.end();
});
