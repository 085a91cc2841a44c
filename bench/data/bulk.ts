import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { dataSize } from '../data-sizes.ts';
import { type Figure, figure, formatSpread, median } from '../figures.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import { measureNeighbour } from './bulk-neighbour.ts';

const ROWS = dataSize('BENCH_BULK_ROWS');
const ROUNDS = ROWS > 100_000 ? 1 : 5;

/**
 * Inserts many executions by one statement. It is compared with a statement that inserts the same
 * rows into a table without triggers, and their jobs. Also measures how far such an insert delays
 * the runs of another tenant.
 */
export const bulk: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  const { pool } = database;
  try {
    await (await startEngine({ url: database.url, concurrency: 1 })).stop(0); // inserts the row of the tool
    await pool.query(BENCH_AGENT);
    const insertion = await measureInserts(pool, talk);
    return [...insertion, ...(await measureNeighbour({ ...database, insert: INSERT, talk }))];
  } finally {
    await database.drop();
  }
};

async function measureInserts(pool: pg.Pool, talk: (line: string) => void): Promise<Figure[]> {
  await pool.query(`
    create schema plain;
    create table plain.executions (like howdah.executions including defaults including constraints including indexes)`);
  const ours: Cost[] = [];
  const plain: Cost[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await measureStatement(pool, INSERT));
    await pool.query(COPY_ROWS);
    plain.push(await measureStatement(pool, PLAIN_INSERT));
    await pool.query(
      `begin; set local session_replication_role = replica; -- disables the trigger that rejects truncate
       truncate howdah.executions, plain.executions, plain.rows, graphile_worker._private_jobs; commit`,
    );
  }
  const ratios = ours.map(({ ms }, round) => ms / (plain[round]?.ms ?? Number.NaN));
  const perRow = (costs: Cost[]): number => median(costs.map(({ wal }) => wal)) / ROWS;
  const times = (costs: Cost[]): number[] => costs.map(({ ms }) => ms);
  talk(`${ROWS} rows: ${formatSpread(times(ours))} ms, plain ${formatSpread(times(plain))} ms`);
  talk(`ratio ${formatSpread(ratios)}`);
  return [
    figure('bulk', 'bulk_plain_ratio', median(ratios), 'ratio', { atMost: 2 }),
    figure('bulk', 'bulk_ms', median(times(ours)), 'ms'),
    figure('bulk', 'bulk_wal_bytes_per_row', perRow(ours), 'B'),
    figure('bulk', 'bulk_plain_wal_bytes_per_row', perRow(plain), 'B'),
  ];
}

const INSERT = `insert into howdah.executions (agent_id, input)
  select howdah.agent('bench'), 'ticket ' || i from generate_series(1, ${ROWS}) as i`;

/** Copies the rows as the triggers have completed them. */
const COPY_ROWS = `create table if not exists plain.rows (like howdah.executions);
  insert into plain.rows select * from howdah.executions;
  update plain.rows set id = howdah.uuid_v7(); update plain.rows set root_execution_id = id`;

const PLAIN_INSERT = `with inserted as (insert into plain.executions select * from plain.rows returning id, run_at, priority)
  select count(*) from graphile_worker.add_jobs(array(
    select row('advance', json_build_object('id', i.id), null, i.run_at, 25::smallint, i.id::text, i.priority, null)
      ::graphile_worker.job_spec from inserted as i))`;

type Cost = { ms: number; wal: number };

async function measureStatement(pool: pg.Pool, text: string): Promise<Cost> {
  const from = await walPosition(pool);
  const startedAt = performance.now();
  await pool.query(text);
  const ms = performance.now() - startedAt;
  return { ms, wal: (await walPosition(pool)) - from };
}

async function walPosition(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 as bytes`,
  );
  return rows[0].bytes;
}
