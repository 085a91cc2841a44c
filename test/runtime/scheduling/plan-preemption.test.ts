import { describe, expect, test } from 'vitest';
import type { TenantLoad } from '../../../src/db/runs/tenant-load.ts';
import { planPreemption } from '../../../src/runtime/scheduling/plan-preemption.ts';

const share = (tenant_id: string, at_work: number, due = false, weight = 1): TenantLoad => ({
  ...{ tenant_id, at_work, due, weight },
  other_workers: 0,
});
const plan = (shares: TenantLoad[], held: Record<string, number>) =>
  Object.fromEntries(planPreemption(shares, new Map(Object.entries(held))));

describe('preemption', () => {
  test('preempts nothing while no other tenant has due runs', () => {
    expect(plan([share('a', 100, true)], { a: 100 })).toEqual({});
  });

  test('takes one run from the largest tenant for each tenant with clearly fewer', () => {
    const shares = [share('a', 3), share('b', 0, true), share('c', 5), share('d', 0, true)];
    expect(plan(shares, { a: 3, c: 5 })).toEqual({ c: { now: 2, later: 0 } });
  });

  test('preempts nothing between equals or where the run would have to be returned', () => {
    expect(plan([share('a', 3), share('b', 3, true)], { a: 3 })).toEqual({});
    expect(plan([share('a', 3), share('b', 2, true)], { a: 3 })).toEqual({});
  });

  test('tenants with one run take turns with tenants that have none', () => {
    expect(plan([share('a', 1), share('b', 0, true)], { a: 1 })).toEqual({
      a: { now: 0, later: 1 },
    });
  });

  test('divides the number of running runs by the weight', () => {
    const heavy = (atWork: number, due = false) => share('heavy', atWork, due, 3);
    // 6/3 against 1: 5/3 would be less than 2
    expect(plan([heavy(6), share('b', 1, true)], { heavy: 6 })).toEqual({});
    expect(plan([heavy(7), share('b', 1, true)], { heavy: 7 })).toEqual({
      heavy: { now: 1, later: 0 },
    });
    expect(plan([share('a', 2), heavy(2, true)], { a: 2 })).toEqual({ a: { now: 1, later: 0 } });
    expect(plan([share('a', 1), heavy(3, true)], { a: 1 })).toEqual({});
    expect(plan([heavy(2), share('b', 0, true)], { heavy: 2 })).toEqual({
      heavy: { now: 0, later: 1 },
    });
  });

  test('preempts only runs that this process holds', () => {
    expect(plan([share('a', 9), share('b', 0, true), share('c', 2)], { c: 2 })).toEqual({
      c: { now: 1, later: 0 },
    });
    expect(plan([share('a', 9), share('b', 0, true)], {})).toEqual({});
  });

  test('preempts no more runs than this process holds', () => {
    const rivals = ['p', 'q', 'r', 's'].map((tenant) => share(tenant, 0, true));
    expect(plan([share('a', 4), ...rivals], { a: 2 })).toEqual({ a: { now: 2, later: 0 } });
  });
});
