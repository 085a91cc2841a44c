import type { Queryable } from '../connection/pool.ts';

/** Number of rows that one transaction reads. Their writers wait for it, a few milliseconds. */
const BATCH = 1_000;

/** The function that fills each by one batch, and returns 0 when all is filled. */
const FILL: Readonly<Record<string, string>> = {
  run_tags: 'howdah_private.backfill_run_tags',
  usage: 'howdah_private.backfill_usage',
};

/** Progress of filling a new table with what existed before its migration. */
export type Backfill = {
  name: string;
  /** Runs that began before this time are read. Null before the first batch. */
  reached_at: string | null;
};

/** Returns the backfills that are not complete, with their progress. */
export async function pendingBackfills(client: Queryable): Promise<Backfill[]> {
  const exists = `select to_regclass('howdah_private.backfills') is not null as found`;
  if (!(await client.query<{ found: boolean }>(exists)).rows[0]?.found) return [];
  const { rows } = await client.query<Backfill>(
    `select b.name, to_char(to_timestamp(i.ms / 1000.0) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as reached_at
     from howdah_private.backfills as b
     cross join lateral (
       select ('x' || left(replace(b.reached::text, '-', ''), 12))::bit(48)::bigint as ms
     ) as i
     order by b.name`,
  );
  return rows;
}

/** Describes a backfill in words: `usage (up to 2026-03-04T10:00:00Z)`. */
export function describeBackfill({ name, reached_at }: Backfill): string {
  return `${name} (${reached_at === null ? 'not begun' : `runs up to ${reached_at}`})`;
}

/**
 * Completes these backfills. Each batch is a transaction of its own, so a backfill that was stopped
 * continues after its last batch, and workers of any release go on meanwhile.
 */
export async function completeBackfills(
  client: Queryable,
  backfills: readonly Backfill[],
): Promise<void> {
  for (const { name } of backfills) {
    const text = `select ${FILL[name]}($1) as rows`;
    let rows: number | undefined;
    do {
      rows = (await client.query<{ rows: number }>(text, [BATCH])).rows[0]?.rows;
    } while (rows);
  }
}
