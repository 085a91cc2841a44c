/** A pool or a connection. */
type Asked = { query(text: string): Promise<{ rows: unknown[] }> };

/** A schema of ours that comes first in the login's search path, and the statement that changes that. */
export type StrayPath = { schema: string; fix: string };

/**
 * Where tables that this login makes without naming a schema land, when it is among ours: `"$user", public` begins with
 * `howdah` for a login of that name. Undefined when they land elsewhere.
 */
export async function strayPath(db: Asked): Promise<StrayPath | undefined> {
  const { rows } = await db.query(`
    select current_schema() as schema,
      format('alter role %I in database %I set search_path = public', session_user, current_database()) as fix
    where current_schema() in ('howdah', 'howdah_private', 'graphile_worker')`);
  return rows[0] as StrayPath | undefined;
}
