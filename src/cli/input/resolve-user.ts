import { HowdahError } from '../../contracts/errors.ts';
import { findUser, listUsers, type UserRole } from '../../db/access/subjects.ts';
import type { Queries } from '../../db/queries/queries.ts';
import { joinNames, MAX_NAMES } from '../../text/join-names.ts';

/**
 * Returns the user of this name. Throws `HWNTF` with the users of the tenant. `advice` ends the
 * hint.
 */
export async function userOf(
  db: Queries,
  tenant: { id: string; slug: string },
  username: string,
  advice = '',
): Promise<{ id: string; username: string; role: UserRole }> {
  const user = await findUser(db, tenant.id, username);
  if (user) return user;
  const names = await listUsers(db, tenant.id, MAX_NAMES + 1);
  const others = names.length > 0 ? `There are: ${joinNames(names)}.` : 'There are no users yet.';
  throw new HowdahError('HWNTF', `tenant '${tenant.slug}' has no user named '${username}'`, {
    hint: `${others} ${advice}`.trim(),
    detail: { tenant: tenant.slug, user: username },
  });
}
