import type { PoolClient } from '../../db/connection/pool.ts';
import { marksOf } from '../../db/mcp/sessions.ts';
import { marksAt } from './resource-addresses.ts';
import { UUID } from './uris.ts';

/**
 * Returns the marks of runs, by their ids, and of files, by their addresses. Leaves out runs and
 * files that the caller may not see.
 */
export async function etagsOfAll(
  client: PoolClient,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const runs = keys.filter((key) => UUID.test(key));
  const uris = keys.filter((key) => !UUID.test(key));
  return new Map([
    ...(runs.length > 0 ? await marksOf(client, runs) : []),
    ...(uris.length > 0 ? await marksAt(client, uris) : []),
  ]);
}
