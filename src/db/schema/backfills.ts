import type { Queryable } from '../connection/pool.ts';

/** Number of rows that one transaction reads. Their writers wait for it, a few milliseconds. */
const BATCH = 1_000;

/** The function that fills each table by one batch, and returns 0 when the table is complete. */
const FILL: Readonly<Record<string, string>> = {
  run_tags: 'howdah_private.backfill_run_tags',
};

/**
 * Returns the tables that a migration created and that are not yet filled with what existed before.
 */
export async function pendingBackfills(client: Queryable): Promise<string[]> {
  const exists = `select to_regclass('howdah_private.backfills') is not null as found`;
  if (!(await client.query<{ found: boolean }>(exists)).rows[0]?.found) return [];
  const { rows } = await client.query<{ name: string }>(
    'select b.name from howdah_private.backfills as b order by b.name',
  );
  return rows.map(({ name }) => name);
}

/**
 * Fills these tables. Each batch is a transaction of its own, so a fill that was stopped continues
 * after its last batch, and workers of any release go on meanwhile.
 */
export async function completeBackfills(
  client: Queryable,
  tables: readonly string[],
): Promise<void> {
  for (const table of tables) {
    const text = `select ${FILL[table]}($1) as rows`;
    let rows: number | undefined;
    do {
      rows = (await client.query<{ rows: number }>(text, [BATCH])).rows[0]?.rows;
    } while (rows);
  }
}
