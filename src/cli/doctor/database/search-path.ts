import type { Queryable } from '../../../db/connection/pool.ts';
import { strayPath } from '../../../db/connection/search-path.ts';
import type { Finding } from '../finding.ts';

/**
 * Checks whether tables that this login creates without a schema end up in a schema of ours. The
 * finding is a warning, with the fix.
 */
export async function searchPathFinding(db: Queryable): Promise<Finding> {
  const stray = await strayPath(db);
  const check = 'search_path';
  if (!stray) return { check, ok: true, found: 'fine' };
  const found = `tables that this login creates without a schema name are created in the Howdah schema ${stray.schema}`;
  return { check, ok: true, found, fix: stray.fix };
}
