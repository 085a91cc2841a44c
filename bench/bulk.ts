import type { Bench } from './bench.ts';
import { BENCH_AGENT, startEngine } from './engine.ts';
import { figure, median, spread } from './figures.ts';

const ROWS = 10_000;
const ROUNDS = 5;

/** Inserting 10,000 executions, beside inserting the same rows into a table without triggers and their jobs by hand. */
export const bulk: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  const { pool } = database;
  try {
    await (await startEngine({ url: database.url, concurrency: 1 })).stop(0); // makes the tool's row
    await pool.query(BENCH_AGENT);
    await pool.query(`
      create schema plain;
      create table plain.executions (like howdah.executions including defaults including constraints including indexes)`);
    const ours: number[] = [];
    const plain: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(await timed(pool, OURS));
      await pool.query(PLAIN_ROWS);
      plain.push(await timed(pool, PLAIN));
      await pool.query(
        `begin; set local session_replication_role = replica; -- executions refuse to be truncated
         truncate howdah.executions, plain.executions, plain.rows, graphile_worker._private_jobs; commit`,
      );
    }
    talk(`10,000 rows: ${spread(ours)} ms, plain ${spread(plain)} ms`);
    const ratio = median(ours.map((ms, round) => ms / (plain[round] ?? Number.NaN)));
    return [
      figure('bulk', 'bulk_plain_ratio', ratio, 'ratio', { atMost: 2 }),
      figure('bulk', 'bulk_ms', median(ours), 'ms'),
    ];
  } finally {
    await database.drop();
  }
};

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

async function timed(
  pool: { query(text: string): Promise<unknown> },
  text: string,
): Promise<number> {
  const begun = performance.now();
  await pool.query(text);
  return performance.now() - begun;
}
