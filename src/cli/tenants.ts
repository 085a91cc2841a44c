import { HowdahError } from '../contracts/errors.ts';
import { findTenant, findUser, listTenants, listUsers } from '../db/identity.ts';
import type { Queries } from '../db/queries.ts';

/** Names in a hint. */
export const MOST_NAMES = 10;

/** The tenant of this slug. Throws `HWNTF`, naming those there are. */
export async function tenantOf(db: Queries, slug: string): Promise<{ id: string; slug: string }> {
  const tenant = await findTenant(db, slug);
  if (tenant) return tenant;
  const names = await listTenants(db, MOST_NAMES + 1);
  throw new HowdahError('HWNTF', `there is no tenant named '${slug}'`, {
    hint: `There are: ${listed(names)}.`,
    detail: { tenant: slug },
  });
}

/** The user of this name. Throws `HWNTF`, naming those there are; `more` ends its hint. */
export async function userOf(
  db: Queries,
  tenant: { id: string; slug: string },
  username: string,
  more = '',
) {
  const user = await findUser(db, tenant.id, username);
  if (user) return user;
  const names = await listUsers(db, tenant.id, MOST_NAMES + 1);
  const others = names.length > 0 ? `There are: ${listed(names)}.` : 'There are no users yet.';
  throw new HowdahError('HWNTF', `tenant '${tenant.slug}' has no user named '${username}'`, {
    hint: `${others}${more}`,
    detail: { tenant: tenant.slug, user: username },
  });
}

/** Names for a hint, not too many. */
export function listed(names: readonly string[]): string {
  return names.length > MOST_NAMES
    ? `${names.slice(0, MOST_NAMES).join(', ')} and more`
    : names.join(', ');
}
