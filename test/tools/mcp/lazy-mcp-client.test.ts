import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { ToolDefinition } from '../../../src/contracts/agents/definition.ts';
import type { ToolContext } from '../../../src/contracts/agents/tool.ts';
import { createLazyMcpClient } from '../../../src/tools/mcp/lazy-mcp-client.ts';
import type { McpClient, McpClientOptions } from '../../../src/tools/mcp/mcp-client.ts';
import type { McpServer } from '../../../src/tools/mcp/server.ts';

const tool = { name: 'shop' } as ToolDefinition;
const server = { name: 'shop' } as McpServer;
const context = {} as ToolContext;

/** Returns a pool whose client fails to load this number of times, and the events of the pool. */
function createFailingPool(failures: number) {
  const events: string[] = [];
  const opened: McpClient = {
    call: async () => ({ ok: true, value: 'answer' }),
    discover: async () => void events.push('discovered'),
    close: async () => void events.push('closed'),
  };
  const rows = { fail: async (_: McpServer, reason: string) => void events.push(reason) };
  const options = { rows, log: pino({ level: 'silent' }) } as unknown as McpClientOptions;
  let left = failures;
  const pool = createLazyMcpClient(options, async () => {
    if (left-- > 0) throw new Error('EMFILE: too many open files');
    return { createMcpClient: () => opened };
  });
  return { pool, events };
}

const message = 'the MCP client for shop could not be loaded: EMFILE: too many open files';

test('a call fails as data if the client does not load; the next call loads it', async () => {
  const { pool } = createFailingPool(1);
  expect(await pool.call(tool, {}, context)).toEqual({
    ok: false,
    error: {
      ...{ code: 'unreachable', message, retryable: true },
      cause: { server: 'shop', sent: false },
    },
  });
  expect(await pool.call(tool, {}, context)).toEqual({ ok: true, value: 'answer' });
});

test('a failed discovery is recorded for its server, and the next one succeeds', async () => {
  const { pool, events } = createFailingPool(1);
  await pool.discover(server);
  await pool.discover(server);
  expect(events).toEqual([message, 'discovered']);
});

test('a pool closes whether or not its client was loaded', async () => {
  const unused = createFailingPool(0);
  await unused.pool.close();
  expect(unused.events).toEqual([]);
  const failed = createFailingPool(1);
  const call = failed.pool.call(tool, {}, context);
  await failed.pool.close();
  expect(await call).toMatchObject({ ok: false });
  expect(failed.events).toEqual([]);
  const used = createFailingPool(0);
  await used.pool.call(tool, {}, context);
  await used.pool.close();
  expect(used.events).toEqual(['closed']);
});
