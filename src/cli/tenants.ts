import { HowdahError } from '../contracts/errors.ts';
import { findTenant, listTenants } from '../db/identity.ts';
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

/** Names for a hint, not too many. */
export function listed(names: readonly string[]): string {
  return names.length > MOST_NAMES
    ? `${names.slice(0, MOST_NAMES).join(', ')} and more`
    : names.join(', ');
}
