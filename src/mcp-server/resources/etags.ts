import type { PoolClient } from '../../db/connection/pool.ts';
import { marksOf } from '../../db/mcp/sessions.ts';
import { marksAt } from './resource-addresses.ts';
import { UUID } from './uris.ts';

/** How runs, by their ids, and files, by their addresses, stand; those that whoever asks may not see are left out. */
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
