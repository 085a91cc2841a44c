import { expect, test } from 'vitest';
import type { PoolClient } from '../../../src/db/connection/pool.ts';
import { parseQuery, type ReadQuery } from '../../../src/db/query-analysis/parse.ts';
import { queryAsCaller } from '../../../src/db/sql-tools/query-as-caller.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();
const query = 'select name from howdah.agents';

/** Runs a query whose answer is lost with `fault`, and returns what its connection was sent. */
async function loseAnswer(fault: Error) {
  const { id } = await one<{ id: string }>(
    db.pool,
    `select id from howdah.tenants where slug = 'default'`,
  );
  const sent: string[] = [];
  const released: unknown[] = [];
  const lost: number[] = [];
  const connect = async () => {
    const client = await db.pool.connect();
    const [ask, release] = [client.query.bind(client), client.release.bind(client)];
    const text = (input: unknown) =>
      typeof input === 'string' ? input : (input as { text: string }).text;
    client.query = ((...args: Parameters<typeof ask>) => {
      sent.push(text(args[0]));
      if (text(args[0]).includes('run_read_query')) return Promise.reject(fault);
      return ask(...args);
    }) as PoolClient['query'];
    client.release = (error) => {
      released.push(error);
      Object.assign(client, { query: ask });
      release(true);
    };
    return client;
  };
  const parsed = (await parseQuery(query, null)) as { value: ReadQuery };
  const outcome = await queryAsCaller(
    { connect },
    { role: 'howdah_app', 'howdah.tenant_id': id, 'howdah.role': 'admin' },
    {
      ...{ query, schemas: null, signal: new AbortController().signal },
      limits: { rows: 1, bytes: 1000, cost: null, timeoutMs: 1000 },
    },
    parsed.value,
    (processId) => lost.push(processId),
  );
  return { outcome, sent, released, lost };
}

test('a query without an answer in time is given up: nothing is sent behind it', async () => {
  const fault = new Error('Query read timeout');
  const { outcome, sent, released, lost } = await loseAnswer(fault);
  expect(outcome).toMatchObject({ ok: false, error: { code: 'timeout', retryable: false } });
  expect(sent.at(-1)).toContain('run_read_query');
  expect(released).toEqual([expect.any(Error)]);
  expect(lost).toHaveLength(1); // keeps its place until its backend has ended
});

test('a query whose connection was lost says so', async () => {
  const fault = new Error('Connection terminated unexpectedly');
  const { outcome, lost } = await loseAnswer(fault);
  expect(outcome).toMatchObject({
    ok: false,
    error: { code: 'overloaded', cause: { was_running: true } },
  });
  expect(lost).toHaveLength(1);
});
