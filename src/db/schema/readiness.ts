import type { Pool } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { describeBackfill, pendingBackfills } from './backfills.ts';
import { knownMigrations } from './known-migrations.ts';

type Found = { name: 'database' | 'schema' | 'backfills'; ok: boolean; reason?: string };

const OUTDATED = 'The schema is older than this release. Run: npx howdah migrate up';
const FILLING = 'are being filled. If no process does so, run: npx howdah migrate up';
const MISSING = 'The database is not migrated. Run: npx howdah migrate up';

/**
 * Returns a check whether the database answers an owner, has all migrations of this release, and
 * has filled their tables with what existed before. Further migrations, of a newer release, do no
 * harm. The check throws the error of node-pg if the database does not answer.
 */
export function schemaProbe(pool: Pool): () => Promise<Found[]> {
  const known = knownMigrations();
  return async () => {
    const applied = await appliedMigrations(pool);
    const ok = applied !== undefined && known.every((name) => applied.has(name));
    const reason = applied === undefined ? MISSING : OUTDATED;
    const pending = ok ? (await pendingBackfills(pool)).map(describeBackfill) : [];
    return [
      { name: 'database', ok: true },
      { name: 'schema', ok, ...(ok ? {} : { reason }) },
      ...(pending.length === 0
        ? []
        : [{ name: 'backfills', ok: false, reason: `${pending.join(', ')} ${FILLING}` } as const]),
    ];
  };
}

async function appliedMigrations(pool: Pool): Promise<Set<string> | undefined> {
  try {
    const { rows } = await pool.query<{ name: string }>(
      'select name from howdah_private.migrations',
    );
    return new Set(rows.map(({ name }) => name));
  } catch (error) {
    if (/^(42P01|3F000)$/.test(faultOf(error).code)) return undefined; // neither table nor schema
    throw error;
  }
}

/**
 * Returns a check for a connection that may not read migrations. It checks only whether the schema
 * exists.
 */
export function presenceOfSchema(pool: Pool): () => Promise<Found[]> {
  return async () => {
    const { rows } = await pool.query(
      `select to_regclass('howdah_private.applied_sql') is not null as ok`,
    );
    const { ok } = rows[0];
    return [
      { name: 'database', ok: true },
      { name: 'schema', ok, ...(ok ? {} : { reason: MISSING }) },
    ];
  };
}
