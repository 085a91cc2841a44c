import type { Pool, Queryable } from '../../db/connection/pool.ts';
import { loginFaults, roleFaults } from '../../db/schema/role-check.ts';
import { type Gap, isolationGaps } from '../../db/schema/tenant-isolation-check.ts';
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

/** Checks the roles of Howdah: attributes, memberships, and whether each exists. */
export async function rolesFinding(db: Queryable): Promise<Finding> {
  return describe('roles', await roleFaults(db), 'none has more rights than it needs');
}

/** Checks the database logins of tenants. Without time-outs, a login can hold locks for ever. */
export async function loginsFinding(db: Queryable): Promise<Finding> {
  const faults = await loginFaults(db);
  const finding = describe('logins', faults, 'each has time-outs and no more than its role');
  return { ...finding, ok: faults.every(({ is_note }) => is_note) };
}

/** Names every fault, and the statements that correct all of them. */
function describe(check: string, faults: readonly Gap[], fine: string): Finding {
  if (faults.length === 0) return { check, ok: true, found: fine };
  const found = faults.map(({ object, fault }) => `${object} ${fault}`).join('; ');
  const fix = [...new Set(faults.map((gap) => gap.fix))].join('; ');
  return { check, ok: false, found, fix };
}
