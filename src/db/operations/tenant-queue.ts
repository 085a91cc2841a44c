import type { Queryable } from '../connection/pool.ts';
import { jsonRows } from '../queries/json-rows.ts';

/** Live runs with one status that wait for the same. */
export type QueueState = {
  status: 'queued' | 'running' | 'waiting' | 'paused';
  waiting_for: string | null;
  runs: number;
  /** Runs that could begin now. */
  due_runs: number;
  oldest_due_at: string | null;
  oldest_due_id: string | null;
  next_due_at: string | null;
};

/** A run that waits for its time. */
export type NextRun = {
  execution_id: string;
  status: 'queued' | 'waiting';
  agent: string | null;
  workflow: string | null;
  priority: number;
  created_at: string;
  due_at: string;
};

/** A worker that takes runs of the tenant. */
export type LiveWorker = {
  started_at: string;
  heartbeat_at: string;
  is_dedicated: boolean;
  /** Runs of the tenant. */
  running_runs: number;
};

/** A batch job, with the rows of the tenant. */
export type TenantBatchJob = {
  name: string;
  description: string;
  is_paused: boolean;
  can_pause: boolean;
  waiting: number | null;
  later: number | null;
  failing: number | null;
  oldest_due_at: string | null;
  last_error: string | null;
};

/** A broken promise of the engine. */
export type Violation = { rule: string; execution_id: string | null; detail: string };

/** Returns the live runs of the tenant by status. */
export function queueStates(db: Queryable): Promise<QueueState[]> {
  return jsonRows(db, 'select * from howdah.queue_states()', []);
}

/** Returns the runs of the tenant that are due next. */
export function nextRuns(db: Queryable, most: number): Promise<NextRun[]> {
  return jsonRows(db, 'select * from howdah.next_runs($1)', [most]);
}

/** Returns the workers that take runs of the tenant. */
export function liveWorkers(db: Queryable): Promise<LiveWorker[]> {
  return jsonRows(db, 'select * from howdah.live_workers()', []);
}

/** Returns the batch jobs with the rows of the tenant. */
export function tenantBatchJobs(db: Queryable): Promise<TenantBatchJob[]> {
  return jsonRows(db, 'select * from howdah.tenant_batch_jobs()', []);
}

/** Pauses or resumes a batch job. */
export async function pauseBatchJob(db: Queryable, name: string, isPaused: boolean) {
  const action = isPaused ? 'pause_batch_job' : 'resume_batch_job';
  await db.query(`select from howdah.${action}($1)`, [name]);
}

/** Checks the promises of the engine for the runs of the tenant. */
export function checkRuns(db: Queryable): Promise<Violation[]> {
  return jsonRows(db, 'select * from howdah.check_runs()', []);
}
