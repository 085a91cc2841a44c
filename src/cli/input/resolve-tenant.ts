import { HowdahError } from '../../contracts/errors.ts';
import { findTenant, listTenants, ownTenant } from '../../db/access/subjects.ts';
import { inTenant, type Pool } from '../../db/connection/pool.ts';
import type { Queries } from '../../db/queries/queries.ts';
import { joinNames, MAX_NAMES } from '../../text/join-names.ts';
import type { CliDatabase } from '../backend/with-database.ts';

/** The option of every command that can be about any tenant. */
export const TENANT_OPTION = [
  '--tenant <slug>',
  'slug of the tenant (default: the tenant of this login, or "default" for the owner of the database)',
] as const;

/**
 * Returns the tenant of this slug, else the tenant of the login, which is `default` for an owner.
 * Throws `HWNTF` with the existing tenants, and `HWDEN` for a login that has no tenant.
 */
export async function tenantOf(
  db: Queries,
  slug: string | undefined,
): Promise<{ id: string; slug: string }> {
  const tenant = await (slug === undefined ? ownTenant(db) : findTenant(db, slug));
  if (tenant) return tenant;
  const names = await listTenants(db, MAX_NAMES + 1);
  if (slug === undefined) throw actsForNone(names);
  throw new HowdahError('HWNTF', `there is no tenant named '${slug}'`, {
    hint:
      names.length > 0 ? `There are: ${joinNames(names)}.` : 'This login has access to no tenant.',
    detail: { tenant: slug },
  });
}

/**
 * Runs `work` as the tenant of this slug. Without a slug, runs it as the tenant of the login.
 * Throws as `tenantOf` does.
 */
export async function forTenant<T>(
  { db, pool }: CliDatabase,
  slug: string | undefined,
  work: (client: Pick<Pool, 'query'>) => Promise<T>,
): Promise<T> {
  if (slug === undefined) return work(pool);
  const { id } = await tenantOf(db, slug);
  return inTenant(pool, id, work);
}

function actsForNone(names: readonly string[]): HowdahError {
  const bind =
    'An owner of the database binds a login to a tenant with a row of howdah_private.login_tenants.';
  return new HowdahError('HWDEN', 'this login acts for no tenant', {
    hint: names.length > 0 ? `Name a tenant: --tenant ${names[0]}` : bind,
  });
}
