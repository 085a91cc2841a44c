import type pg from 'pg';
import { type Commit, commitQuery } from '../../src/db/runs/commit-query.ts';
import type { Bench } from '../bench.ts';
import { type Figure, figure, median } from '../figures.ts';
import { measureHotCalls, registerWorker } from './hot-calls.ts';
import type { BenchDatabase } from '../server.ts';
import { dataSize } from '../data-sizes.ts';

const QUEUED = dataSize('QUEUED_RUNS');
const PARKED = dataSize('PARKED_RUNS');
const PART = 1_000;
const CHORES = ['repair_queue', 'run_timers', 'reap_workers'] as const;

/**
 * A long queue, half of it due and half for later, and runs that wait for a person: the same calls beside an empty database, by
 * turns, and what the workers do all the time (the queue's own search for a job among it).
 */
export const queued: Bench = async ({ server, talk }) => {
  const fresh = await server.createDatabase();
  const full = await server.createDatabase();
  try {
    await enqueue(full.pool);
    await park(full.pool);
    await full.pool.query('vacuum analyze');
    talk(`${QUEUED} runs are queued, ${PARKED} wait for a person`);
    const figures: Figure[] = [];
    const calls = await measureHotCalls({ fresh, full });
    for (const [name, times] of Object.entries(calls)) {
      figures.push(
        figure('queued', `queued_${name}_flat_ratio`, times.full / times.fresh, 'ratio', {
          atMost: 1.3,
        }),
      );
    }
    for (const chore of CHORES) {
      figures.push(
        figure('queued', `queued_${chore}_ms`, await choreTime(full, chore), 'ms', {
          atMost: 1000,
        }),
      );
    }
    figures.push(
      figure('queued', 'queued_get_job_ms', await jobTime(full, 'now()'), 'ms', { atMost: 20 }),
      // nothing due: the search has to pass over all that is for later
      figure('queued', 'queued_get_no_job_ms', await jobTime(full, `'-infinity'`), 'ms'),
    );
    return figures;
  } finally {
    await fresh.drop();
    await full.drop();
  }
};

async function enqueue(pool: pg.Pool): Promise<void> {
  for (let done = 0; done < QUEUED; done += PART * 10) {
    await pool.query(
      `insert into howdah.executions (agent_id, input, run_at)
       select howdah.agent('development'), 'run ' || i, now() + case when i % 2 = 0 then interval '1 day' else interval '0' end
       from generate_series(1, $1::int) as i`,
      [Math.min(PART * 10, QUEUED - done)],
    );
  }
}

/** As a worker does it: each run asks its question in a commit that parks it. */
async function park(pool: pg.Pool): Promise<void> {
  const worker = await registerWorker(pool);
  for (let done = 0; done < PARKED; done += PART) {
    const { rows } = await pool.query(
      `insert into howdah.executions (agent_id, input)
       select howdah.agent('development'), 'asking ' || i from generate_series(1, $1::int) as i returning id, howdah.uuid_v7() as question`,
      [Math.min(PART, PARKED - done)],
    );
    const ids = rows.map(({ id }) => id);
    await pool.query('select from howdah_private.claim_executions($1, $2, 1, null)', [worker, ids]);
    const commits: Commit[] = rows.map(({ id, question }) => ({
      ...{ id, fence: 1, after: 0, more: true },
      steps: [
        {
          kind: 'question',
          question: { id: question, kind: 'question', call_id: 'call_1', prompt: 'Shall we?' },
        },
      ],
      to: { status: 'waiting', waiting_for: 'question' },
    }));
    await pool.query(commitQuery(worker, commits, ''));
    await pool.query(
      `select graphile_worker.remove_job(i.id::text) from unnest($1::uuid[]) as i (id)`,
      [
        ids, // their wake-ups are done
      ],
    );
  }
}

async function choreTime({ pool }: BenchDatabase, chore: string): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    const startedAt = performance.now();
    await pool.query(`select howdah_private.${chore}()`);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

/** Graphile Worker's own search (its getJobs.ts), rolled back each time. */
async function jobTime({ pool }: BenchDatabase, now: string): Promise<number> {
  const client = await pool.connect();
  const times: number[] = [];
  try {
    for (let count = 0; count < 50; count += 1) {
      await client.query('begin');
      const startedAt = performance.now();
      await client.query(
        `select jobs.id from graphile_worker._private_jobs as jobs
         where jobs.is_available = true and run_at <= ${now}
           and task_id = any (array(select id from graphile_worker._private_tasks))
           and (jobs.job_queue_id is null or jobs.job_queue_id in (
             select id from graphile_worker._private_job_queues as q where q.is_available = true for update skip locked))
         order by priority asc, run_at asc limit 1 for update skip locked`,
      );
      times.push(performance.now() - startedAt);
      await client.query('rollback');
    }
    return median(times);
  } finally {
    client.release();
  }
}
