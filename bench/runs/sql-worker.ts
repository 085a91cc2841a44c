import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { type Commit, commitQuery } from '../../src/db/runs/commit-query.ts';

// The SQL calls of a worker, without the engine.

/** Inserts a row of a worker that has no process, so that runs can be claimed. Returns its id. */
export async function registerByHand(pool: pg.Pool): Promise<string> {
  const worker = randomUUID();
  await pool.query(
    `insert into howdah_private.workers (id, pool_id, host, pid, release) values ($1, 'bench', 'bench', 1, 'bench')`,
    [worker],
  );
  return worker;
}

/** Claims runs for a worker. */
export async function claimByHand(
  pool: pg.Pool,
  worker: string,
  ids: readonly string[],
): Promise<void> {
  await pool.query({
    name: 'claim',
    text: 'select howdah_private.claim_executions($1, $2, 1, null)',
    values: [worker, ids],
  });
}

/** Commits a tool step of a run that was claimed once, by default with 500 bytes of output. */
export async function commitByHand(
  pool: pg.Pool,
  worker: string,
  id: string,
  seq: number,
  output: string = 'x'.repeat(500),
): Promise<void> {
  const commit: Commit = {
    ...{ id, fence: 1, after: seq - 1 },
    steps: [{ kind: 'tool', name: 'ping', output }],
  };
  await pool.query({ name: 'commit', ...commitQuery(worker, [commit]) });
}
