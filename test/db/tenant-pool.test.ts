import { expect, test } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { divideAmongTenants, tenantPool } from '../../src/db/tenant-pool.ts';

test('a tenant has at most half of the connections, and its hooks some while its tools wait', async () => {
  const connected: string[] = [];
  const release = () => {};
  const pool = { connect: async () => ({ release }), query: async () => 'rows' } as unknown as Pool;
  divideAmongTenants(pool, 10);
  const clients: { release(): void }[] = [];
  const connect = async (use: 'tools' | 'hooks', tenant: string) => {
    clients.push(await tenantPool(pool, use, tenant).connect());
    connected.push(`${tenant} ${use}`);
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 20; i += 1) {
    void connect('tools', 'blue');
    void connect('hooks', 'blue');
  }
  await settled();
  expect(connected.filter((who) => who.startsWith('blue'))).toHaveLength(5);
  expect(connected).toContain('blue hooks');
  await connect('tools', 'acme');
  await connect('hooks', 'acme');
  expect(await tenantPool(pool, 'tools', 'acme').query('select 1')).toBe('rows');
  const before = connected.length;
  clients[0]?.release();
  await settled();
  expect(connected).toHaveLength(before + 1); // the place goes to the next one
});

test('a connection that cannot be had leaves its place to others', async () => {
  let fails = true;
  const pool = {
    connect: async () => {
      if (fails) throw new Error('no connection');
      return { release() {} };
    },
  } as unknown as Pool;
  divideAmongTenants(pool, 4); // one of them for the tools of a tenant
  await expect(tenantPool(pool, 'tools', 'blue').connect()).rejects.toThrow('no connection');
  fails = false;
  expect(await tenantPool(pool, 'tools', 'blue').connect()).toBeDefined();
});
