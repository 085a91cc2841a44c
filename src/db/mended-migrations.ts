import type { Client } from './pool.ts';

/**
 * Applies migrations with what a released one, which cannot be changed any more, fails to do by itself.
 *
 * 0033 moves the marks of quotas that were made a moment ago into a table that nobody may write yet, since its policies come
 * last. So the marks are taken away before it, and put where it would have put them behind it.
 */
export async function withMendedMigrations<T>(
  client: Client,
  migrate: () => Promise<T>,
): Promise<T> {
  const marked = await takeRecountMarks(client);
  const result = await migrate();
  if (marked.length > 0) {
    await client.query('alter table howdah_private.quota_recounts no force row level security');
    await client.query(
      'insert into howdah_private.quota_recounts (quota_id) select unnest($1::uuid[])',
      [marked],
    );
    await client.query('alter table howdah_private.quota_recounts force row level security');
  }
  return result;
}

/** The quotas that had one, in a schema from before 0033; in any other none. */
async function takeRecountMarks(client: Client): Promise<string[]> {
  const { rows: columns } = await client.query(
    `select from pg_catalog.pg_attribute as a
     where a.attrelid = to_regclass('howdah_private.quota_counters') and a.attname = 'recount_after' and not a.attisdropped`,
  );
  if (columns.length === 0) return [];
  await client.query('alter table howdah_private.quota_counters no force row level security');
  const { rows } = await client.query<{ quota_id: string }>(
    `with marked as (
       update howdah_private.quota_counters set recount_after = null where recount_after is not null returning quota_id
     )
     select distinct quota_id from marked`,
  );
  await client.query('alter table howdah_private.quota_counters force row level security');
  return rows.map(({ quota_id }) => quota_id);
}
