import type pg from 'pg';
import { expect, test } from 'vitest';
import { createQueryPool } from '../../../src/db/sql-tools/query-pool.ts';
import { querySettings } from '../../../src/db/sql-tools/query-settings.ts';
import type { RuntimeDependencies } from '../../../src/runtime/environment/runtime-dependencies.ts';
import type { HeldRun } from '../../../src/runtime/held-run/held-run.ts';
import { runQueryAction } from '../../../src/runtime/loop/run-query-action.ts';
import { testDatabase } from '../../support/database.ts';
import { insertRun, makeAgent } from '../arrange.ts';

// The query of a workflow, on a database that is temporarily unavailable.

const database = testDatabase();

async function read(
  query: string,
  failures: number,
  adapt: (pool: pg.Pool) => pg.Pool = (pool) => pool,
) {
  const { pool } = database;
  const id = await insertRun(pool, await makeAgent(pool, { script: [] }));
  const { rows } = await pool.query('select tenant_id from howdah.executions where id = $1', [id]);
  let left = failures;
  const lossy = {
    connect: () => {
      left -= 1;
      const lost = Object.assign(new Error('no server'), { code: 'ECONNREFUSED' });
      return left < 0 ? pool.connect() : Promise.reject(lost);
    },
  } as unknown as pg.Pool;
  const waits: number[] = [];
  const sleep = async (ms: number) => void waits.push(ms);
  const committed: { output?: unknown; error?: { code: string } }[] = [];
  const run = {
    ...{ id, context: { tenant_id: rows[0].tenant_id }, timeLeft: 60_000 },
    abort: new AbortController(),
    commit: async (steps: typeof committed) => void committed.push(...steps),
  };
  await runQueryAction(
    { type: 'read_rows', query, most: 10 },
    run as unknown as HeldRun,
    {
      queries: createQueryPool(adapt(lossy), 4),
      querySettings: (tenantId: string) => querySettings(pool, tenantId),
      random: () => 0,
      sleep,
    } as unknown as RuntimeDependencies,
  );
  return { step: committed[0], waits };
}

test('retries until the database is available', async () => {
  const { step, waits } = await read('select 1 as n', 4);
  expect(step).toMatchObject({ output: [{ n: 1 }] });
  expect(waits).toEqual([1000, 2000, 4000, 8000]);
});

test('fails when the database stays unavailable', async () => {
  const { step, waits } = await read('select 1 as n', 100);
  expect(step).toMatchObject({ error: { code: 'overloaded' } });
  expect(waits).toHaveLength(5);
});

/** Fails the statement of the query as `fault` says, after it was sent. */
function failing(pool: pg.Pool, fault: () => Error, sent: string[]): pg.Pool {
  const connect = async () => {
    const client = await pool.connect();
    const query = client.query.bind(client) as (...all: unknown[]) => unknown;
    return Object.create(client, {
      query: {
        value: (statement: { text?: string }, ...others: unknown[]) => {
          if (!statement.text?.includes('run_read_query(')) return query(statement, ...others);
          sent.push(statement.text);
          return Promise.reject(fault());
        },
      },
    });
  };
  return Object.create(pool, { connect: { value: connect } }) as pg.Pool;
}

test.each([
  ['whose answer does not come in time', 'Query read timeout', 1, 'timeout'],
  ['that loses its connection', 'Connection terminated unexpectedly', 2, 'overloaded'],
] as const)('a query %s is not sent again and again', async (_, message, times, code) => {
  const sent: string[] = [];
  const fault = () => new Error(message);
  const { step } = await read('select 1 as n', 0, (pool) => failing(pool, fault, sent));
  expect(step).toMatchObject({ error: { code } });
  expect(sent).toHaveLength(times);
});

test('does not retry a rejected query', async () => {
  const { step, waits } = await read('select nothing', 0);
  expect(step).toMatchObject({ error: { cause: { sqlstate: '42703' } } });
  expect(waits).toEqual([]);
});
