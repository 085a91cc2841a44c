import type { Pool, PoolClient } from '../connection/pool.ts';
import type { UserRole } from './subjects.ts';

/** A tenant with one of its users, whether or not they are active. */
export type LoginAccount = Readonly<{
  tenant_id: string;
  tenant_is_active: boolean;
  /** Null if the tenant has no user of this name. */
  user: Readonly<{ id: string; role: UserRole; is_active: boolean }> | null;
}>;

type Wanted = { tenant: string; username: string; ignoresCase: boolean };

/**
 * Returns a tenant by its slug with a user by name, or undefined if there is no such tenant. Of
 * several users whose names differ in case alone, the one of exactly this name comes first, then
 * one that is not active, so that nobody evades being deactivated.
 */
export async function findLoginAccount(
  pool: Pool,
  { tenant, username, ignoresCase }: Wanted,
): Promise<LoginAccount | undefined> {
  const { rows } = await pool.query<LoginAccount>(
    `select t.id as tenant_id, t.is_active as tenant_is_active,
       case when u.id is not null then
         jsonb_build_object('id', u.id, 'role', u.role, 'is_active', u.is_active) end as "user"
     from howdah.tenants as t
     left join howdah.users as u on u.tenant_id = t.id
       and (u.username = $2 or $3 and lower(u.username) = lower($2))
     where t.slug = $1
     order by u.username = $2 desc, u.is_active limit 1`,
    [tenant, username, ignoresCase],
  );
  return rows[0];
}

/** Creates a user of the tenant of the transaction, unless there is one of that name. */
export async function createLoginUser(
  client: PoolClient,
  { username, role }: { username: string; role: UserRole },
): Promise<void> {
  await client.query(
    `insert into howdah.users (username, role) values ($1, $2)
     on conflict (tenant_id, username) do nothing`,
    [username, role],
  );
}
