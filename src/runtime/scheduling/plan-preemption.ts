import type { TenantLoad } from '../../db/runs/tenant-load.ts';

/**
 * The number of runs of a tenant that should give way: at their next step, or not before they had a
 * fair time (`later`).
 */
export type PreemptionQuota = { now: number; later: number };

/** Runs at work, and the weight by which they are divided. */
type Part = { atWork: number; weight: number };

/**
 * Plans whose runs of this process make room for tenants that cannot start one and have fewer at
 * work for their weight. Each such tenant gets room for one run at a time, from the tenant with the
 * most. A run gives way at once only if, afterwards, its tenant still has at least the load of the
 * other. Otherwise, if the other has no run at work, the tenants take turns: a run gives way after
 * a fair time.
 */
export function planPreemption(
  shares: readonly TenantLoad[],
  held: ReadonlyMap<string, number>,
): Map<string, PreemptionQuota> {
  const parts = new Map(
    shares.map(({ tenant_id, at_work, weight }) => [tenant_id, { atWork: at_work, weight }]),
  );
  const left = new Map(held);
  const plan = new Map<string, PreemptionQuota>();
  const rivals = shares
    .filter(({ due }) => due)
    .map(({ tenant_id, at_work, weight }) => ({ tenant_id, mine: { atWork: at_work, weight } }))
    .toSorted((a, b) => load(a.mine) - load(b.mine));
  for (const { tenant_id, mine } of rivals) {
    const [giver, theirs] = largest(parts, left, tenant_id) ?? [];
    if (giver === undefined || theirs === undefined) {
      continue;
    }
    const isClear = load(theirs, -1) >= load(mine, +1);
    if (theirs.atWork < 1 || (!isClear && mine.atWork > 0)) {
      continue;
    }
    const { now, later } = plan.get(giver) ?? { now: 0, later: 0 };
    plan.set(giver, isClear ? { now: now + 1, later } : { now, later: later + 1 });
    parts.set(giver, { ...theirs, atWork: theirs.atWork - 1 });
    parts.set(tenant_id, { ...mine, atWork: mine.atWork + 1 });
    left.set(giver, (left.get(giver) ?? 0) - 1);
  }
  return plan;
}

const NOBODY: Part = { atWork: 0, weight: 1 };

/** Returns the load of a tenant compared to others, with `more` further runs at work. */
function load({ atWork, weight }: Part, more = 0): number {
  return (atWork + more) / weight;
}

function largest(
  parts: ReadonlyMap<string, Part>,
  left: ReadonlyMap<string, number>,
  except: string,
): [string, Part] | undefined {
  return [...left]
    .filter(([tenant, runs]) => runs > 0 && tenant !== except)
    .map(([tenant]): [string, Part] => [tenant, parts.get(tenant) ?? NOBODY])
    .toSorted(([, a], [, b]) => load(b) - load(a))[0];
}
