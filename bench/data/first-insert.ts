import pg from 'pg';
import { type Figure, figure, median, ratios } from '../figures.ts';
import { readTreeCpuUs } from '../meters/cpu.ts';
import type { BenchDatabase } from '../server.ts';

const CONNECTIONS = 9;
const ONE_RUN = `insert into howdah.executions (agent_id, input) values (howdah.agent('bench'), 'x')`;
const PLAIN_TABLE = `create schema if not exists plain;
  create table plain.first_inserts (
    like howdah.executions including defaults including constraints including indexes)`;
const ONE_ROW = `insert into plain.first_inserts (id, tenant_id, root_execution_id, agent_id, agent_version_id, input, max_steps, max_seconds, run_at, created_by)
  select i, i, i, i, i, 'x', 50, 600, now(), 'x' from howdah.uuid_v7() as i`;

/**
 * Measures the CPU of the first insert of a run on a new connection, which reads catalogues, and
 * compiles and plans all that an insert executes. It is compared with the first insert into a table
 * with the same columns, checks and indexes, and without triggers. Without /proc it measures times.
 */
export async function measureFirstInserts(
  { pool, url }: BenchDatabase,
  rounds: number,
): Promise<Figure[]> {
  await pool.query(PLAIN_TABLE);
  const ours: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await medianMs(url, ONE_RUN));
    plain.push(await medianMs(url, ONE_ROW));
  }
  return [
    figure('guards', 'first_insert_vs_plain_ratio', ratios(ours, plain), 'ratio', { atMost: 6 }),
    figure('guards', 'first_insert_cpu_ms', ours, 'ms'),
    figure('guards', 'plain_first_insert_cpu_ms', plain, 'ms', { role: 'limit' }),
  ];
}

async function medianMs(url: string, text: string): Promise<number> {
  const times: number[] = [];
  for (let connection = 0; connection < CONNECTIONS; connection += 1) {
    times.push(await firstMs(url, text));
  }
  return median(times);
}

/** Returns the milliseconds that a statement takes which is the first one of its connection. */
async function firstMs(url: string, text: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const readMs = (): number => (readTreeCpuUs(rows[0].pid) ?? performance.now() * 1_000) / 1_000;
    const before = readMs();
    await client.query(text);
    return readMs() - before;
  } finally {
    await client.end();
  }
}
