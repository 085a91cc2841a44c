import { sql } from 'kysely';
import { type EnumLabel, enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { Pool } from '../connection/pool.ts';
import type { Queries } from '../queries/queries.ts';

/** The value of `iss` and `aud` in every token, which marks the token as made for Howdah. */
export const TOKEN_PARTY = 'howdah';

/**
 * The roles that a person may have in a tenant. They are not database roles: every request acts as
 * howdah_app.
 */
export const userRoles = enumLabels.user_role;
export type UserRole = EnumLabel<'user_role'>;

/**
 * The subject of a token or an API key: a tenant, and one of its users unless the subject is the
 * tenant as a whole.
 */
export type Subject = Readonly<{
  tenantId: string;
  userId: string | undefined;
  /** The id of the API key, if the request used one. */
  apiKeyId?: string | undefined;
}>;

/**
 * The status of a subject. `unknown` means that tenant, user or key do not exist or are not active.
 */
export type AccountStatus = 'good' | 'unknown' | 'revoked' | 'expired';

/** Returns the status of each subject, in the same order. */
export async function accountStatuses(
  pool: Pool,
  subjects: readonly Subject[],
): Promise<AccountStatus[]> {
  const { rows } = await pool.query<{ status: AccountStatus }>(
    `select case
         when k.revoked_at is not null then 'revoked'
         when k.expires_at <= now() then 'expired'
         when t.is_active and (s.user_id is null or u.is_active) and (s.api_key_id is null or k.id is not null)
           then 'good'
         else 'unknown' end as status
     from unnest($1::uuid[], $2::uuid[], $3::uuid[]) with ordinality
       as s (tenant_id, user_id, api_key_id, place)
     left join howdah.tenants as t on t.id = s.tenant_id
     left join howdah.users as u on u.tenant_id = s.tenant_id and u.id = s.user_id
     left join howdah.api_keys as k on k.tenant_id = s.tenant_id and k.id = s.api_key_id
     order by s.place`,
    [
      subjects.map(({ tenantId }) => tenantId),
      subjects.map(({ userId }) => userId ?? null),
      subjects.map(({ apiKeyId }) => apiKeyId ?? null),
    ],
  );
  return rows.map(({ status }) => status);
}

/** A person who follows a run or a session, with the highest role that the token or key allows. */
export type Watching = Pick<Subject, 'tenantId' | 'userId'> &
  Readonly<{ role: UserRole /** The id of the run or session. */; id: string }>;

/** Returns for each person, in the same order, whether the run or session is still visible. */
export async function visibleTo(pool: Pool, watching: readonly Watching[]): Promise<boolean[]> {
  const { rows } = await pool.query<{ sees: boolean }>(
    'select w.sees from howdah_private.visible_to($1, $2, $3::text[]::howdah.user_role[], $4) as w order by w.place',
    [
      watching.map(({ tenantId }) => tenantId),
      watching.map(({ userId }) => userId ?? null),
      watching.map(({ role }) => role),
      watching.map(({ id }) => id),
    ],
  );
  return rows.map(({ sees }) => sees);
}

/** Returns the tenant of this slug, or undefined. */
export function findTenant(db: Queries, slug: string) {
  return db
    .selectFrom('tenants')
    .select(['id', 'slug'])
    .where('slug', '=', slug)
    .executeTakeFirst();
}

/** Returns the tenant that the login acts for, or undefined. */
export function ownTenant(db: Queries) {
  return db
    .selectFrom('tenants')
    .select(['id', 'slug'])
    .where('id', '=', sql<string>`howdah.current_tenant()`)
    .executeTakeFirst();
}

/** Lists at most `limit` slugs of tenants in alphabetical order. */
export async function listTenants(db: Queries, limit: number): Promise<string[]> {
  const rows = await db.selectFrom('tenants').select('slug').orderBy('slug').limit(limit).execute();
  return rows.map(({ slug }) => slug);
}

/** Returns the user of this name in a tenant, or undefined. */
export function findUser(db: Queries, tenantId: string, username: string) {
  return db
    .selectFrom('users')
    .select(['id', 'username', 'role'])
    .where('tenant_id', '=', tenantId)
    .where('username', '=', username)
    .executeTakeFirst();
}

/** Lists at most `limit` names of a tenant's users in alphabetical order. */
export async function listUsers(db: Queries, tenantId: string, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('users')
    .select('username')
    .where('tenant_id', '=', tenantId)
    .orderBy('username')
    .limit(limit)
    .execute();
  return rows.map(({ username }) => username);
}

/** Returns which of a tenant and its user is inactive, or undefined. */
export async function inactiveOf(
  db: Queries,
  tenantId: string,
  userId: string,
): Promise<'tenant' | 'user' | undefined> {
  const active = await db
    .selectFrom('tenants')
    .innerJoin('users', 'users.tenant_id', 'tenants.id')
    .select(['tenants.is_active as tenant', 'users.is_active as user'])
    .where('tenants.id', '=', tenantId)
    .where('users.id', '=', userId)
    .executeTakeFirst();
  if (active?.tenant === false) return 'tenant';
  return active?.user === false ? 'user' : undefined;
}

/**
 * Creates a user, unless there is a user of that name. An existing user is not changed and keeps
 * its role.
 */
export async function createUser(
  db: Queries,
  user: { tenantId: string; username: string; role: UserRole },
): Promise<void> {
  await db
    .insertInto('users')
    .values({ tenant_id: user.tenantId, username: user.username, role: user.role })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'username']).doNothing())
    .execute();
}
