import pg from 'pg';
import type { StartSystem } from '../processes/adapter.ts';

const TABLES = `
  create table runs (id text primary key, position int not null default 0) with (fillfactor = 50);
  create table steps (run text, position int, result jsonb not null, primary key (run, position));
  create function commit_step(run text, step_position int, result jsonb) returns void language sql as
    'insert into steps values (run, step_position, result); update runs set position = step_position where id = run'`;

/**
 * One function call per step, with `pg` alone. The limit of an engine in Node that commits each
 * step by itself.
 */
export const start: StartSystem = async ({ job, step }) => {
  const pool = new pg.Pool({ connectionString: job.url, max: job.connections });
  await pool.query(TABLES);
  return {
    async run(id) {
      await pool.query({ name: 'run', text: 'insert into runs (id) values ($1)', values: [id] });
      for (let index = 0; index < job.stepsPerRun; index += 1) {
        const result = JSON.stringify(await step(id, index));
        const text = 'select commit_step($1, $2, $3)';
        await pool.query({ name: 'step', text, values: [id, index, result] });
      }
    },
    stop: () => pool.end(),
  };
};
