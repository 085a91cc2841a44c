import type { Pool, Queryable } from '../connection/pool.ts';

/** The treatment of a person's runs at an erasure. */
export type ErasureMode = 'anonymise' | 'delete';

/** The user whose data is erased, by its id. */
export type Erasure = { id: string; mode: ErasureMode; cancelLive: boolean };

/**
 * The number of erased rows of each kind, and the files outside of the database that are still to
 * be removed.
 */
export type ErasedPerson = Record<string, number | string> & { files: string[] };

/**
 * Exports all data of a person as JSON documents, whole or redacted. Throws `HWNTF` if there is no
 * such user.
 */
export async function exportUserData(
  pool: Pool,
  userId: string,
  redact = false,
): Promise<string[]> {
  const { rows } = await pool.query('select howdah.export_user_data($1, $2)::text as line', [
    userId,
    redact,
  ]);
  return rows.map(({ line }) => line);
}

/**
 * Erases a person's data. Throws `HWCNF` while a run of the person is live, unless live runs are
 * cancelled.
 */
export async function eraseUser(client: Queryable, user: Erasure): Promise<ErasedPerson> {
  const { rows } = await client.query('select howdah.erase_user($1, $2, $3) as erased', [
    user.id,
    user.mode,
    user.cancelLive,
  ]);
  return rows[0].erased;
}
