import { HowdahError } from '../../contracts/errors.ts';

/** Whether a schema of ours is there, and what this login is to it. */
export type SchemaState = {
  isThere: boolean;
  isOwner: boolean;
  /** It may at least be bound to a tenant. */
  isGuest: boolean;
  login: string;
};

/** Asks before anything is done, so that a login without rights learns it in words. */
export async function schemaState(db: Asked): Promise<SchemaState> {
  return (await db.query(STATE)).rows[0] as SchemaState;
}

/** A pool or a connection. */
type Asked = { query(text: string): Promise<{ rows: unknown[] }> };

/** By the catalogue alone, which everybody may read: `to_regclass` wants rights on the schema. */
const STATE = `
  select m.oid is not null as "isThere", m.oid is null or has_table_privilege(m.oid, 'select') as "isOwner",
    current_user as login, exists (
      select from pg_roles as r
      where r.rolname in ('howdah_app', 'howdah_analyst') and pg_has_role(r.oid, 'member')
    ) as "isGuest"
  from (select) as nothing
  left join pg_namespace as n on n.nspname = 'howdah_private'
  left join pg_class as m on m.relnamespace = n.oid and m.relname = 'migrations'`;

/** Throws `HWCNF` when a newer release has been here, naming what it made. */
export function refuseNewer(newer: readonly string[]): void {
  if (newer.length > 0) {
    throw new HowdahError('HWCNF', 'the schema of this database is newer than this program', {
      hint: `Use the newer release, or undo by it what it made: ${newer.join(', ')}.`,
      detail: { newer: [...newer] },
    });
  }
}

/** The first migration of previews. 0.1.0 replaced them all, so that a schema of theirs is that of no release. */
const OF_PREVIEWS = '0001_schemas_and_roles';

/** Throws `HWCNF` when a preview of before 0.1.0 applied these migrations: no release can change what it made. */
export function refusePreview(applied: readonly string[], what: string): void {
  if (applied.includes(OF_PREVIEWS)) {
    throw new HowdahError(
      'HWCNF',
      `${what} is of a preview of Howdah from before 0.1.0, which cannot be migrated`,
      {
        hint:
          'Start from an empty database: createdb NAME, then howdah migrate up. First save the data with that preview: ' +
          'howdah backup FILE keeps everything for it, howdah export NAME writes an agent system that howdah apply reads.',
        detail: { migrations: applied.length },
      },
    );
  }
}

/** Throws `HWDEN` for a login that may not even look at what was applied. */
export function refuseGuest({ isOwner, login }: SchemaState): void {
  if (!isOwner) {
    throw new HowdahError('HWDEN', `the login ${login} does not look after the schema`, {
      hint: 'It takes an owner: a login in howdah_owner. The one of the embedded PostgreSQL: howdah db url',
      detail: { login },
    });
  }
}
