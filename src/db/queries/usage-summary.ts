import type { Queryable } from '../connection/pool.ts';
import { jsonRows } from './json-rows.ts';

/** The facts by which usage is summed. */
export const USAGE_UNITS = [
  'day',
  'agent',
  'version',
  'workflow',
  'model',
  'tool',
  'user',
  'tenant',
  'prompt',
  'skill',
] as const;

type Summed = {
  by: (typeof USAGE_UNITS)[number];
  since?: string | undefined;
  until?: string | undefined;
};

/** Usage of one value. Numbers beyond a double are texts. */
export type UsageSum = {
  value: string | null;
  runs: number;
  calls: number;
  tokens_in: number;
  tokens_out: number;
  cached_tokens: number;
  cost: number;
};

/** Returns usage summed by one fact. */
export function usageSummary(db: Queryable, { by, since, until }: Summed): Promise<UsageSum[]> {
  return jsonRows(db, 'select * from howdah.usage_summary($1, $2, $3)', [by, since, until]);
}
