import type { Share } from '../db/runs.ts';

/** How many runs of a tenant should give way: at their next step, or not before they had a fair time (`later`). */
export type GivingWay = { now: number; later: number };

/**
 * Whose runs of this process should make room for a tenant that has fewer at work and cannot begin. One for each such
 * tenant at a time, from those who have most; never so many that it would have to be given back. Where everybody has at
 * most one run at work and somebody none, they take turns: runs give way when they had a fair time.
 */
export function givingWay(
  shares: readonly Share[],
  held: ReadonlyMap<string, number>,
): Map<string, GivingWay> {
  const atWork = new Map(shares.map(({ tenant_id, at_work }) => [tenant_id, at_work]));
  const left = new Map(held);
  const plan = new Map<string, GivingWay>();
  const rivals = shares.filter(({ due }) => due).toSorted((a, b) => a.at_work - b.at_work);
  for (const { tenant_id, at_work } of rivals) {
    const giver = largest(atWork, left, tenant_id);
    const lead = giver === undefined ? 0 : (atWork.get(giver) ?? 0) - at_work;
    if (giver === undefined || lead < 1 || (lead === 1 && at_work > 0)) {
      continue;
    }
    const { now, later } = plan.get(giver) ?? { now: 0, later: 0 };
    plan.set(giver, lead > 1 ? { now: now + 1, later } : { now, later: later + 1 });
    atWork.set(giver, (atWork.get(giver) ?? 0) - 1);
    atWork.set(tenant_id, at_work + 1);
    left.set(giver, (left.get(giver) ?? 0) - 1);
  }
  return plan;
}

function largest(
  atWork: ReadonlyMap<string, number>,
  left: ReadonlyMap<string, number>,
  except: string,
): string | undefined {
  return [...left]
    .filter(([tenant, runs]) => runs > 0 && tenant !== except)
    .map(([tenant]) => tenant)
    .toSorted((a, b) => (atWork.get(b) ?? 0) - (atWork.get(a) ?? 0))[0];
}
