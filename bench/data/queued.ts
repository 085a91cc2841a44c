import type pg from 'pg';
import { type Commit, commitQuery } from '../../src/db/runs/commit-query.ts';
import type { Bench } from '../bench.ts';
import { dataSize } from '../data-sizes.ts';
import { type Figure, figure, median } from '../figures.ts';
import type { BenchDatabase } from '../server.ts';
import { measureHotCalls, registerWorker } from './hot-path-calls.ts';

const QUEUED = dataSize('QUEUED_RUNS');
const PARKED = dataSize('PARKED_RUNS');
const BATCH = 1_000;
const CHORES = ['repair_queue', 'run_timers', 'reap_workers'] as const;

/**
 * Compares a database with a long queue and an empty one. Half of the queued runs are due, the
 * other half are scheduled for later; other runs wait for a person. The calls alternate between
 * both databases. Also measures what workers do regularly: chores, and the search for the next job.
 */
export const queued: Bench = async ({ server, talk }) => {
  const fresh = await server.createDatabase();
  const full = await server.createDatabase();
  try {
    await insertQueuedRuns(full.pool);
    await insertParkedRuns(full.pool);
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
        figure('queued', `queued_${chore}_ms`, await measureChore(full, chore), 'ms', {
          atMost: 1000,
        }),
      );
    }
    figures.push(
      figure('queued', 'queued_get_job_ms', await measureJobSearch(full, 'now()'), 'ms', {
        atMost: 20,
      }),
      // No job is due at this time, so the search passes over all jobs.
      figure('queued', 'queued_get_no_job_ms', await measureJobSearch(full, `'-infinity'`), 'ms'),
    );
    return figures;
  } finally {
    await fresh.drop();
    await full.drop();
  }
};

async function insertQueuedRuns(pool: pg.Pool): Promise<void> {
  for (let done = 0; done < QUEUED; done += BATCH * 10) {
    await pool.query(
      `insert into howdah.executions (agent_id, input, run_at)
       select howdah.agent('development'), 'run ' || i, now() + case when i % 2 = 0 then interval '1 day' else interval '0' end
       from generate_series(1, $1::int) as i`,
      [Math.min(BATCH * 10, QUEUED - done)],
    );
  }
}

/**
 * Inserts runs that wait for a person, with the statements of a worker: the commit that parks a run
 * contains its question.
 */
async function insertParkedRuns(pool: pg.Pool): Promise<void> {
  const worker = await registerWorker(pool);
  for (let done = 0; done < PARKED; done += BATCH) {
    const { rows } = await pool.query(
      `insert into howdah.executions (agent_id, input)
       select howdah.agent('development'), 'asking ' || i from generate_series(1, $1::int) as i returning id, howdah.uuid_v7() as question`,
      [Math.min(BATCH, PARKED - done)],
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
      // a worker would have completed the jobs that woke these runs
      `select graphile_worker.remove_job(i.id::text) from unnest($1::uuid[]) as i (id)`,
      [ids],
    );
  }
}

/** Returns the median of the milliseconds of a chore. */
async function measureChore({ pool }: BenchDatabase, chore: string): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    const startedAt = performance.now();
    await pool.query(`select howdah_private.${chore}()`);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

/**
 * Measures the search for a job, with the query of Graphile Worker (its getJobs.ts), in
 * transactions that are rolled back. Returns the median in milliseconds.
 */
async function measureJobSearch({ pool }: BenchDatabase, now: string): Promise<number> {
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
