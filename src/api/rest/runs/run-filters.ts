import { z } from 'zod';
import { statusSchema } from '../../../operations/runs/run-rows.ts';
import { flag, id } from '../../../resources/fields.ts';

/** The query parameters that select runs. */
export const runFilters = {
  status: statusSchema.optional(),
  agent_id: id.optional(),
  workflow_id: id.optional(),
  session_id: id.optional(),
  parent_execution_id: id.optional(),
  forked_from_execution_id: id.optional().describe('Only forks of this run'),
  is_root: flag.optional(),
  is_mine: flag
    .optional()
    .describe('Only runs of the caller; for a key without a user, all runs of the tenant'),
  metadata: z
    .string()
    .optional()
    .describe('A JSON object that the metadata of the runs must contain'),
  tag: z.string().optional().describe('A text that the array `tags` in the metadata must contain'),
  ref: z
    .string()
    .optional()
    .describe('A row of a table that the runs belong to: shop.orders:4711 (docs/console.md)'),
};
export type RunFilters = z.output<z.ZodObject<typeof runFilters>>;
