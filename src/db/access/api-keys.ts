import type { Pool } from '../connection/pool.ts';
import type { UserRole } from './subjects.ts';

/** The API key of a prefix, regardless of whether the key may be used now. */
export type ApiKeyRow = Readonly<{
  id: string;
  tenant_id: string;
  user_id: string | null;
  /** SHA-256 of the secret. */
  hash: Buffer;
  role: UserRole;
  /** The scopes of the key; null allows everything that the role allows. */
  scopes: string[] | null;
  expires_at: Date | null;
  /** True if a request without a login created the key, or such a key did. */
  made_without_login: boolean;
  state: 'good' | 'revoked' | 'expired' | 'inactive';
}>;

/** The state of the key `k`, of tenant `t` and perhaps a user `u`. */
const KEY_STATE = `case
  when k.revoked_at is not null then 'revoked'
  when k.expires_at <= now() then 'expired'
  when t.is_active and (k.user_id is null or u.is_active) then 'good'
  else 'inactive' end`;

/** Finds the key of each prefix, in the same order; null for a prefix without a key. */
export async function findApiKeys(
  pool: Pool,
  prefixes: readonly string[],
): Promise<(ApiKeyRow | null)[]> {
  const { rows } = await pool.query<ApiKeyRow | { id: null }>(
    `select k.id, k.tenant_id, k.user_id, k.hash, k.role, k.scopes, k.expires_at,
       k.made_without_login, ${KEY_STATE} as state
     from unnest($1::text[]) with ordinality as p (prefix, place)
     left join howdah.api_keys as k on k.prefix = p.prefix
     left join howdah.tenants as t on t.id = k.tenant_id
     left join howdah.users as u on u.tenant_id = k.tenant_id and u.id = k.user_id
     order by p.place`,
    [prefixes],
  );
  return rows.map((row) => (row.id === null ? null : row));
}

/** Returns whether there is a key that somebody may log in with, where a login is required. */
export async function hasApiKeys(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>(
    `select exists (
       select from howdah.api_keys as k
       where k.revoked_at is null and coalesce(k.expires_at > now(), true)
         and not k.made_without_login
     ) as found`,
  );
  return rows[0]?.found === true;
}

/**
 * Records the use of keys. Skips rows that others have locked, and keys whose use was recorded
 * within the last minute.
 */
export async function noteUse(pool: Pool, ids: readonly string[]): Promise<void> {
  await pool.query(
    `with used as (
       select k.id from howdah.api_keys as k
       where k.id = any ($1::uuid[]) and coalesce(k.last_used_at < now() - interval '1 minute', true)
       for update skip locked
     )
     update howdah.api_keys as k set last_used_at = now() from used where k.id = used.id`,
    [ids],
  );
}
