import type { DecryptRows, DecryptRunRows } from './decrypt-results.ts';
import type { Queryable } from './pool.ts';

/**
 * Returns a function that says which runs may be decrypted for this run: itself, and what it was
 * forked from. A worker also needs the earlier `turns` of its session.
 */
export function decryptableFor(
  pool: Queryable,
  executionId: string,
  { turns = false }: { turns?: boolean } = {},
): (ids: string[]) => Promise<ReadonlySet<string>> {
  return async (ids) => {
    if (ids.every((id) => id === executionId)) return new Set(ids);
    const { rows } = await pool.query<{ ids: string[] }>(
      'select howdah_private.decryptable_runs($1, $2, $3) as ids',
      [executionId, ids, turns],
    );
    return new Set(rows[0]?.ids);
  };
}

/** Creates a decryptor of rows of many runs, which looks runs up as the owner. */
export function createRunRowDecryptor(pool: Queryable, decrypt: DecryptRows): DecryptRunRows {
  return async (rows, runOf) => {
    const shown = [...rows];
    const byRun = Map.groupBy(rows.keys(), (place) => runOf(rows[place] as (typeof rows)[number]));
    const groups = [...byRun].map(async ([run, places]) => {
      const encrypted = places.map((place) => rows[place] as (typeof rows)[number]);
      const decrypted = await decrypt(encrypted, decryptableFor(pool, run));
      for (const [index, place] of places.entries()) {
        shown[place] = decrypted[index] as (typeof rows)[number];
      }
    });
    await Promise.all(groups);
    return shown;
  };
}
