import type { Queryable } from './pool.ts';

/**
 * A schema of ours that comes first in the search path of the login, and the statement that changes
 * the search path.
 */
export type StrayPath = { schema: string; fix: string };

/**
 * Returns the schema in which this login creates tables without a schema name, if the schema is one
 * of ours. For a login named `howdah`, the search path `"$user", public` begins with that schema.
 * Returns undefined for any other schema.
 */
export async function strayPath(db: Queryable): Promise<StrayPath | undefined> {
  const { rows } = await db.query(`
    select current_schema() as schema,
      format('alter role %I in database %I set search_path = public', session_user, current_database()) as fix
    where current_schema() in ('howdah', 'howdah_private', 'howdah_bounded', 'graphile_worker')`);
  return rows[0] as StrayPath | undefined;
}

/**
 * Returns the search path of the login, with our schema at its end unless the path already contains
 * it. Our tables need no prefix then, and hide no tables of others.
 */
export async function pathWithOurs(db: Queryable): Promise<string> {
  const { rows } = await db.query(`
    select case when p.path ~ '(^|[", ])howdah($|[", ])' then p.path else p.path || ', howdah' end as path
    from (select current_setting('search_path') as path) as p`);
  return (rows as { path: string }[])[0]?.path ?? 'public';
}
