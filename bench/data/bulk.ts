import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { measureNeighbour } from './bulk-neighbour.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import { type Figure, figure, median, formatSpread } from '../figures.ts';
import { dataSize } from '../data-sizes.ts';

const ROWS = dataSize('BENCH_BULK_ROWS');
const ROUNDS = ROWS > 100_000 ? 1 : 5;

/**
 * Inserting many executions by one statement, beside inserting the same rows into a table without triggers and their
 * jobs by hand; and what another tenant's runs notice of it.
 */
export const bulk: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  const { pool } = database;
  try {
    await (await startEngine({ url: database.url, concurrency: 1 })).stop(0); // makes the tool's row
    await pool.query(BENCH_AGENT);
    const insertion = await insertions(pool, talk);
    return [...insertion, ...(await measureNeighbour({ ...database, insert: OURS, talk }))];
  } finally {
    await database.drop();
  }
};

async function insertions(pool: pg.Pool, talk: (line: string) => void): Promise<Figure[]> {
  await pool.query(`
    create schema plain;
    create table plain.executions (like howdah.executions including defaults including constraints including indexes)`);
  const ours: Cost[] = [];
  const plain: Cost[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await measureStatement(pool, OURS));
    await pool.query(PLAIN_ROWS);
    plain.push(await measureStatement(pool, PLAIN));
    await pool.query(
      `begin; set local session_replication_role = replica; -- executions refuse to be truncated
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

const OURS = `insert into howdah.executions (agent_id, input)
  select howdah.agent('bench'), 'ticket ' || i from generate_series(1, ${ROWS}) as i`;

/** The finished rows, as the triggers would make them. */
const PLAIN_ROWS = `create table if not exists plain.rows (like howdah.executions);
  insert into plain.rows select * from howdah.executions;
  update plain.rows set id = howdah.uuid_v7(); update plain.rows set root_execution_id = id`;

const PLAIN = `with inserted as (insert into plain.executions select * from plain.rows returning id, run_at, priority)
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
