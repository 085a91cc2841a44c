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

/** The login's search path with our schema as its end: its tables need no prefix there, and hide none of anybody's. */
export async function pathWithOurs(db: Asked): Promise<string> {
  const { rows } = await db.query(`
    select case when p.path ~ '(^|[", ])howdah($|[", ])' then p.path else p.path || ', howdah' end as path
    from (select current_setting('search_path') as path) as p`);
  return (rows as { path: string }[])[0]?.path ?? 'public';
}
