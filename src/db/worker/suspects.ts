import type { Pool } from '../connection/pool.ts';

/** A run that workers died with. `isRepeated`: it made progress since, and then one more died. */
export type Suspect = { id: string; isRepeated: boolean };

/** Reserves the next due suspect for a worker. Returns undefined if there is none. */
export async function takeSuspect(pool: Pool, worker: string): Promise<Suspect | undefined> {
  const { rows } = await pool.query<{ execution_id: string; is_repeated: boolean }>(
    'select execution_id, is_repeated from howdah_private.take_suspect($1)',
    [worker],
  );
  const [row] = rows;
  return row && { id: row.execution_id, isRepeated: row.is_repeated };
}

/** Gives back a suspect that a worker had taken. */
export async function returnSuspect(pool: Pool, worker: string, id: string): Promise<void> {
  await pool.query('select howdah_private.return_suspect($1, $2)', [worker, id]);
}

/**
 * Lets a worker take this run only, or any run if it is null. `parent` is the worker that started
 * the process of this one. Returns false if the worker holds runs, or is not registered.
 */
export async function isolateWorker(
  pool: Pool,
  worker: string,
  id: string | null,
  parent?: string,
): Promise<boolean> {
  const text = 'select howdah_private.isolate_worker($1, $2, $3) as isolated';
  const { rows } = await pool.query<{ isolated: boolean }>(text, [worker, id, parent ?? null]);
  return rows[0]?.isolated ?? false;
}
