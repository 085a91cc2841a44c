import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { createEgress } from '../../../src/tools/egress.ts';
import {
  ConnectionPool,
  type ConnectionPoolOptions,
} from '../../../src/tools/mcp/connection-pool.ts';
import type { McpServer } from '../../../src/tools/mcp/server.ts';
import type { ToolDiscovery } from '../../../src/tools/mcp/tool-discovery.ts';

const server: McpServer = {
  ...{ id: 'shop', tenant_id: 't', name: 'shop', type: 'stdio', revision: '1' },
  configuration: { command: 'node', secrets: { KEY: 'key' } },
  ...{ sampling_model: null, allows_elicitation: false, is_guarded: true },
};

let pool: ConnectionPool;
afterEach(() => pool.close());

test('an error of the database while a connection opens keeps no place in the pool', async () => {
  const failures: string[] = [];
  pool = new ConnectionPool(
    {
      commands: undefined,
      environment: {},
      egress: createEgress({ allowPrivate: [] }),
      accounts: undefined as never, // the server uses no integration
      readSecret: async () => {
        throw new Error('the database is restarting');
      },
      rows: {
        fail: async (_server, reason) => void failures.push(reason),
      } as ConnectionPoolOptions['rows'],
      log: pino({ level: 'silent' }),
    },
    {} as ToolDiscovery,
  );
  expect(await pool.acquire(server)).toMatchObject({ ok: false });
  expect(failures).toHaveLength(1);
  expect(await pool.acquire({ ...server, revision: '2' })).toMatchObject({ ok: false });
  expect(failures).toHaveLength(2);
});
