import { expect, test } from 'vitest';
import type { Pool } from '../../../src/db/connection/pool.ts';
import { divideAmongTenants, tenantPool } from '../../../src/db/connection/tenant-pool.ts';

test('a tenant leaves connections to others, and its hooks get some while its tools wait', async () => {
  const connected: string[] = [];
  const release = () => {};
  const pool = { connect: async () => ({ release }), query: async () => 'rows' } as unknown as Pool;
  divideAmongTenants(pool, 10);
  const clients: { release(): void }[] = [];
  const connect = async (use: 'tools' | 'hooks', tenant: string) => {
    clients.push(await tenantPool(pool, use, { tenant }).connect());
    connected.push(`${tenant} ${use}`);
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 20; i += 1) {
    void connect('tools', 'blue');
    void connect('hooks', 'blue');
  }
  await settled();
  // limits: 7 for tools, 3 for hooks
  expect(connected.filter((who) => who.startsWith('blue'))).toHaveLength(6 + 2);
  expect(connected).toContain('blue hooks');
  expect(await tenantPool(pool, 'tools', { tenant: 'acme' }).query('select 1')).toBe('rows');
  await connect('tools', 'acme');
  await connect('hooks', 'acme');
  clients[0]?.release();
  await connect('tools', 'corp'); // the last connection is reserved for tenants that have none
});

test('a failed connection attempt releases its place', async () => {
  let fails = true;
  const pool = {
    connect: async () => {
      if (fails) throw new Error('no connection');
      return { release() {} };
    },
  } as unknown as Pool;
  divideAmongTenants(pool, 4);
  const connect = () => tenantPool(pool, 'tools', { tenant: 'blue' }).connect();
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    await expect(connect()).rejects.toThrow('no connection');
  }
  fails = false;
  expect(await connect()).toHaveProperty('release');
});

test('a cancelled caller leaves the queue and takes no connection', async () => {
  let connections = 0;
  const pool = {
    connect: async () => {
      connections += 1;
      return { release() {} };
    },
    query: async () => 'rows',
  } as unknown as Pool;
  divideAmongTenants(pool, 1);
  const client = await tenantPool(pool, 'tools', { tenant: 'acme' }).connect();
  const abort = new AbortController();
  const cancelled = tenantPool(pool, 'tools', { tenant: 'blue', signal: abort.signal });
  const waiting = [cancelled.connect(), cancelled.query('select 1')];
  abort.abort(new Error('cancelled'));
  for (const one of waiting) await expect(one).rejects.toThrow('cancelled');
  client.release();
  await tenantPool(pool, 'tools', { tenant: 'corp' }).connect();
  expect(connections).toBe(2);
});
