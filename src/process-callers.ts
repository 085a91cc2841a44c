import type { CallerNames, KnownCaller } from './api/login/process-logins.ts';
import { HowdahError } from './contracts/errors.ts';
import { findTenant, findUser } from './db/access/subjects.ts';
import { createPool } from './db/connection/pool.ts';
import { queriesOn } from './db/queries/queries.ts';

/**
 * Looks up a caller in the database. The whole tenant acts as an owner. Throws `HWNTF` for an
 * unknown tenant or user.
 */
export async function findCaller(url: string, caller: CallerNames): Promise<KnownCaller> {
  const pool = createPool({ url, applicationName: 'howdah-login', max: 1 });
  try {
    const db = queriesOn(pool);
    const slug = caller.tenant ?? 'default';
    const tenant = await findTenant(db, slug);
    if (!tenant) throw unknown('tenant', slug, "there is no tenant with the slug '{}'");
    if (caller.user === undefined) return { tenantId: tenant.id, userId: undefined, role: 'owner' };
    const user = await findUser(db, tenant.id, caller.user);
    if (!user) throw unknown('user', caller.user, `the tenant '${slug}' has no user '{}'`);
    return { tenantId: tenant.id, userId: user.id, role: user.role };
  } finally {
    await pool.end();
  }
}

function unknown(field: 'tenant' | 'user', name: string, message: string): HowdahError {
  return new HowdahError(
    'HWNTF',
    message.replace('{}', () => name),
    {
      hint: `See howdah.${field}s for the ${field}s that exist.`,
      detail: { [field]: name },
    },
  );
}
