import { HowdahError } from '../../contracts/errors.ts';
import type { Queryable } from '../connection/pool.ts';

/** The state of our schema, and the rights of this login on it. */
export type SchemaState = {
  isThere: boolean;
  isOwner: boolean;
  /** True if the login may at least be bound to a tenant. */
  isGuest: boolean;
  /** True if the login is that of a viewer, which only reads. */
  onlyReads: boolean;
  login: string;
};

/** Reads the state before any change, so that a login without rights gets a clear error. */
export async function schemaState(db: Queryable): Promise<SchemaState> {
  return (await db.query(STATE)).rows[0] as SchemaState;
}

/**
 * A query of the catalogue alone, which every login may read. `to_regclass` would need rights on
 * the schema.
 */
const STATE = `
  select m.oid is not null as "isThere", m.oid is null or has_table_privilege(m.oid, 'select') as "isOwner",
    current_user as login, exists (
      select from pg_roles as r
      where r.rolname in ('howdah_app', 'howdah_inserter', 'howdah_viewer') and pg_has_role(r.oid, 'member')
    ) as "isGuest", not exists (
      select from pg_roles as r where r.rolname = 'howdah_app' and pg_has_role(r.oid, 'member')
    ) as "onlyReads"
  from (select) as nothing
  left join pg_namespace as n on n.nspname = 'howdah_private'
  left join pg_class as m on m.relnamespace = n.oid and m.relname = 'migrations'`;

/**
 * Throws `HWCNF` if a newer release has migrated this database, with the names of its migrations.
 */
export function refuseNewer(newer: readonly string[]): void {
  if (newer.length > 0) {
    throw new HowdahError('HWCNF', 'the schema of this database is newer than this program', {
      hint: `Use the newer release, or revert its migrations with it: ${newer.join(', ')}.`,
      detail: { newer: [...newer] },
    });
  }
}

/**
 * The first migration of previews. Release 0.1.0 replaced all of their migrations, so a schema of a
 * preview belongs to no release.
 */
const OF_PREVIEWS = '0001_schemas_and_roles';

/**
 * Throws `HWCNF` if a preview before 0.1.0 applied these migrations, because no release can change
 * what it made.
 */
export function refusePreview(applied: readonly string[], what: string): void {
  if (applied.includes(OF_PREVIEWS)) {
    throw new HowdahError(
      'HWCNF',
      `${what} was created by a preview of Howdah before 0.1.0, which cannot be migrated`,
      {
        hint:
          'Start from an empty database: createdb NAME, then howdah migrate up. First save the data with that preview: ' +
          'howdah backup FILE saves everything for that preview; howdah export NAME writes an agent system that howdah apply reads.',
        detail: { migrations: applied.length },
      },
    );
  }
}

/** Throws `HWDEN` for a login that may not even read which migrations were applied. */
export function refuseGuest({ isOwner, login }: SchemaState): void {
  if (!isOwner) {
    throw new HowdahError('HWDEN', `the login ${login} may not change the schema`, {
      hint: 'Use an owner: a login in howdah_owner. For the embedded PostgreSQL, howdah db url prints the URL of the owner.',
      detail: { login },
    });
  }
}
