import type { Pool } from '../connection/pool.ts';
import type { ChainEnd, Checkpoint } from './signed-checkpoints.ts';

/** Returns the chains whose end has no checkpoint yet. */
export async function dueCheckpoints(pool: Pool): Promise<ChainEnd[]> {
  const { rows } = await pool.query(
    'select tenant_id, seq::float8 as seq, hash from howdah_private.due_checkpoints()',
  );
  return rows;
}

export async function keepCheckpoints(pool: Pool, checkpoints: Checkpoint[]): Promise<void> {
  await pool.query('select howdah_private.keep_checkpoints($1)', [JSON.stringify(checkpoints)]);
}

/** Stores those of the checkpoints that the database lacks and that its log confirms. */
export async function restoreCheckpoints(pool: Pool, checkpoints: Checkpoint[]): Promise<void> {
  await pool.query('select howdah_private.restore_checkpoints($1)', [JSON.stringify(checkpoints)]);
}

/** Returns the checkpoints stored in the database. */
export async function listCheckpoints(pool: Pool): Promise<Checkpoint[]> {
  const { rows } = await pool.query(
    `select tenant_id, seq::float8 as seq, encode(hash, 'hex') as hash, encode(hmac, 'hex') as hmac, signed_by
     from howdah_private.audit_checkpoints`,
  );
  return rows;
}

/**
 * Returns an identity of the database and its server. A copy made by SQL, template or restore has a
 * different identity. A standby that takes over has the same identity. Returns undefined when the
 * login may not read it.
 */
export async function databaseIdentity(pool: Pool): Promise<string | undefined> {
  try {
    const { rows } = await pool.query<{ identity: string }>(
      `select s.system_identifier || '/' || d.oid as identity
       from pg_catalog.pg_control_system() as s
       join pg_catalog.pg_database as d on d.datname = pg_catalog.current_database()`,
    );
    return rows[0]?.identity;
  } catch (error) {
    if ((error as { code?: string }).code === '42501') return undefined;
    throw error;
  }
}
