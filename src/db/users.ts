import type { Pool } from './pool.ts';

/** What becomes of a person's runs. */
export type ErasureMode = 'anonymise' | 'delete';

/** How many rows of each kind it was, and files outside of the database that are still to be removed. */
export type Erased = Record<string, number | string> & { files: string[] };

/** Everything about a person, one JSON document each; whole, or redacted. Throws `HWNTF` when there is no such user. */
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

/** Erases a person's data. Throws `HWCNF` while a run of his is live, unless those are cancelled. */
export async function eraseUser(
  pool: Pool,
  user: { id: string; mode: ErasureMode; cancelLive: boolean },
): Promise<Erased> {
  const { rows } = await pool.query('select howdah.erase_user($1, $2, $3) as erased', [
    user.id,
    user.mode,
    user.cancelLive,
  ]);
  return rows[0].erased;
}
