import {
  type DecryptRows,
  type DecryptRunRows,
  type MayDecryptTexts,
  runsOf,
  textsInPlace,
} from './decrypt-results.ts';
import type { PoolClient, Queryable } from './pool.ts';

/**
 * Returns a function that says which encrypted texts may be decrypted for this run: its own, and
 * those of the runs it was forked from, each in its place. A worker also needs the earlier `turns`
 * of its session.
 */
export function decryptableFor(
  pool: Queryable,
  executionId: string,
  { turns = false }: { turns?: boolean } = {},
): MayDecryptTexts {
  return async (texts) => {
    const runs = await decryptableRuns(pool, executionId, runsOf(texts), turns);
    return textsInPlace(
      pool as Pick<PoolClient, 'query'>,
      texts.filter((text) => runs.has(text.executionId)),
    );
  };
}

/** Returns those of the runs whose contents a run may read. */
export async function decryptableRuns(
  pool: Queryable,
  executionId: string,
  ids: string[],
  turns: boolean,
): Promise<ReadonlySet<string>> {
  if (ids.every((id) => id === executionId)) return new Set(ids);
  const { rows } = await pool.query<{ ids: string[] }>(
    'select howdah_private.decryptable_runs($1, $2, $3) as ids',
    [executionId, ids, turns],
  );
  return new Set(rows[0]?.ids);
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
