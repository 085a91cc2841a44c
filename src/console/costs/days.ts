import { DAY_MS, dayBefore } from '../messages/format.ts';

/** Usage of one value, as `GET /api/usage` sums it. Large numbers are texts. */
export type UsageSum = {
  value: string | null;
  runs: number | string;
  calls: number | string;
  tokens_in: number | string;
  tokens_out: number | string;
  cached_tokens: number | string;
  cost: number | string;
};

/** The cost of a day. */
export type DayCost = { day: string; cost: number };

/** Days that a chart shows at most. */
export const MAX_DAYS = 366;

/** Returns a cost for each day of a range, also for those without usage. */
export function daysOf(sums: readonly UsageSum[], since: string, until: string): DayCost[] {
  const costs = new Map(sums.map(({ value, cost }) => [value, Number(cost)]));
  const count = Math.round((Date.parse(until) - Date.parse(since)) / DAY_MS) + 1;
  if (!(count > 0)) return [];
  return Array.from({ length: Math.min(count, MAX_DAYS) }, (_, index) => {
    const day = dayBefore(Date.parse(until), Math.min(count, MAX_DAYS) - 1 - index);
    return { day, cost: costs.get(day) ?? 0 };
  });
}

/**
 * Returns the average cost of a whole day. Today is not over, so it does not count. Days before the
 * first cost do not count either: most of a range is before a new installation, and the average
 * would be near 0. Undefined if the first day is not over.
 */
export function averageOf(days: readonly DayCost[], today: string): number | undefined {
  const first = Math.max(
    0,
    days.findIndex(({ cost }) => cost > 0),
  );
  const whole = days.slice(first).filter(({ day }) => day < today);
  if (whole.length === 0) return undefined;
  return whole.reduce((total, { cost }) => total + cost, 0) / whole.length;
}
