import type { Pool } from '../../db/connection/pool.ts';
import { isolationGaps } from '../../db/schema/tenant-isolation-check.ts';
import type { Finding } from './finding.ts';

/** Checks whether the catalogue still isolates tenants as a migration left it. */
export async function isolationFinding(pool: Pool): Promise<Finding> {
  const check = 'isolation';
  const gaps = await isolationGaps(pool);
  const [first] = gaps;
  if (!first) {
    return {
      check,
      ok: true,
      found: 'row-level security is forced, and views use the rights of the caller',
    };
  }
  const found = `gaps: ${gaps.length}, the first in ${first.object}: ${first.fault}`;
  return { check, ok: false, found, fix: first.fix };
}
