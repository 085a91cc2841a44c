import type { TenantLoad } from '../../db/runs/tenant-load.ts';

/**
 * The number of runs of a tenant that should give way: at their next step, or not before they had a
 * fair time (`later`).
 */
export type PreemptionQuota = { now: number; later: number };

/** Runs at work of a tenant, and the weight by which they are divided. */
type Work = { atWork: number; weight: number };

/**
 * Plans whose runs of this process give way to tenants that cannot start a due run. Each such
 * tenant gets room for one run at a time, from the tenant with the largest load. Load is the number
 * of runs at work divided by the weight. Two rules apply:
 *
 * 1. A run gives way at once (`now`) if, afterwards, its tenant still has at least the load of the
 *    other.
 * 2. Otherwise, if the other tenant has no run at work, the two take turns: a run gives way after a
 *    fair time (`later`).
 */
export function planPreemption(
  shares: readonly TenantLoad[],
  held: ReadonlyMap<string, number>,
): Map<string, PreemptionQuota> {
  const workByTenant = new Map(
    shares.map(({ tenant_id, at_work, weight }) => [tenant_id, { atWork: at_work, weight }]),
  );
  const left = new Map(held);
  const plan = new Map<string, PreemptionQuota>();
  const needyTenants = shares
    .filter(({ due }) => due)
    .map(({ tenant_id, at_work, weight }) => ({ tenant_id, needy: { atWork: at_work, weight } }))
    .toSorted((a, b) => loadOf(a.needy) - loadOf(b.needy));
  for (const { tenant_id, needy } of needyTenants) {
    const [giver_id, giver] = mostLoaded(workByTenant, left, tenant_id) ?? [];
    if (giver_id === undefined || giver === undefined) {
      continue;
    }
    const isAtOnce = loadOf(giver, -1) >= loadOf(needy, +1);
    if (giver.atWork < 1 || (!isAtOnce && needy.atWork > 0)) {
      continue;
    }
    const { now, later } = plan.get(giver_id) ?? { now: 0, later: 0 };
    plan.set(giver_id, isAtOnce ? { now: now + 1, later } : { now, later: later + 1 });
    workByTenant.set(giver_id, { ...giver, atWork: giver.atWork - 1 });
    workByTenant.set(tenant_id, { ...needy, atWork: needy.atWork + 1 });
    left.set(giver_id, (left.get(giver_id) ?? 0) - 1);
  }
  return plan;
}

const NO_WORK: Work = { atWork: 0, weight: 1 };

/** Returns the load of a tenant, with `more` further runs at work. */
function loadOf({ atWork, weight }: Work, more = 0): number {
  return (atWork + more) / weight;
}

/** Returns the tenant with the largest load of those with a run left in this process. */
function mostLoaded(
  workByTenant: ReadonlyMap<string, Work>,
  left: ReadonlyMap<string, number>,
  except: string,
): [string, Work] | undefined {
  return [...left]
    .filter(([tenant, runs]) => runs > 0 && tenant !== except)
    .map(([tenant]): [string, Work] => [tenant, workByTenant.get(tenant) ?? NO_WORK])
    .toSorted(([, a], [, b]) => loadOf(b) - loadOf(a))[0];
}
