import { z } from 'zod';
import { USAGE_UNITS, usageSummary } from '../../db/queries/usage-summary.ts';
import { operation } from '../operation.ts';

const day = z.iso.date('must be a day, such as 2026-11-01');
const figure = z.number();

/** Sums usage and cost by one fact. */
export const listUsage = operation({
  method: 'GET',
  path: '/api/usage',
  id: 'listUsage',
  tag: 'usage',
  summary: 'Sum usage and cost by day, agent, version, workflow, model, tool, user or tenant',
  isReplicable: true,
  query: z.strictObject({
    by: z.enum(USAGE_UNITS).default('day'),
    since: day.optional().describe('The first day in UTC; by default 29 days before the last one'),
    until: day.optional().describe('The last day in UTC; today by default'),
  }),
  answers: {
    200: {
      description: 'The sums: days in order, other values by their cost',
      schema: z.object({
        data: z.array(
          z.object({
            value: z.string().nullable().describe('null for what was deleted, or for no user'),
            ...{ runs: figure, calls: figure, tokens_in: figure, tokens_out: figure },
            ...{ cached_tokens: figure, cost: figure },
          }),
        ),
      }),
    },
  },
  work: async (db, { query }) => ({ body: { data: await usageSummary(db, query) } }),
});
