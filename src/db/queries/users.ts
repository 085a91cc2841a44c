import { HowdahError } from '../../contracts/errors.ts';
import type { Pool, Queryable } from '../connection/pool.ts';
import type { UserRole } from '../schema.generated.ts';

/** The treatment of a person's runs at an erasure. */
export type ErasureMode = 'anonymise' | 'delete';

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
export async function eraseUser(
  client: Queryable,
  user: { id: string; mode: ErasureMode; cancelLive: boolean },
): Promise<ErasedPerson> {
  const { rows } = await client.query('select howdah.erase_user($1, $2, $3) as erased', [
    user.id,
    user.mode,
    user.cancelLive,
  ]);
  return rows[0].erased;
}

/** Creates a user of the tenant. Throws `23505` if there is a user of that name. */
export async function makeUser(
  client: Queryable,
  user: { username: string; role: UserRole; email?: string | undefined },
): Promise<void> {
  await client.query('insert into howdah.users (username, role, email) values ($1, $2, $3)', [
    user.username,
    user.role,
    user.email ?? null,
  ]);
}

/** Allows a user to log in, or prevents it. Throws `HWDEN` if this login may only see the user. */
export async function setUserActive(
  client: Queryable,
  id: string,
  isActive: boolean,
): Promise<void> {
  const { rowCount } = await client.query(
    'update howdah.users as u set is_active = $2 where u.id = $1',
    [id, isActive],
  );
  if (rowCount === 0) throw new HowdahError('HWDEN', 'this login may not change users');
}
