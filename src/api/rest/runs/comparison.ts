import { z } from 'zod';
import type { Comparison } from '../../../contracts/runs/comparison.ts';
import { EXECUTION_STATUSES } from '../../../contracts/runs/step.ts';
import { jsonRow } from '../../../db/queries/json-rows.ts';
import { count, id, time } from '../../../resources/fields.ts';
import { type Route, route } from '../framework/route.ts';

const text = z.string().nullable();
const differences = z.array(
  z
    .object({ field: z.string(), a: text, b: text })
    .meta({ id: 'TextDifference' })
    .describe('Long text is cut around the first difference; JSON values are shown as text'),
);

const figures = z
  .object({
    execution_id: id,
    agent: text,
    workflow: text,
    version: z.int().nullable(),
    forked_from_execution_id: id.nullable(),
    forked_from_seq: z.int().nullable(),
    status: z.enum(EXECUTION_STATUSES),
    stop_reason: text,
    finish_reason: text,
    is_erased: z.boolean(),
    is_encrypted: z.boolean().describe('Whether its texts are encrypted and were not compared'),
    created_at: time,
    seconds: z.number().nullable().describe('Seconds from start to end'),
    steps: z.int(),
    model_calls: z.int(),
    tool_calls: z.int(),
    retries: z.int(),
    tokens_in: count,
    tokens_out: count,
    cost: count,
    total_tokens_in: count.describe('Includes child runs, as do the other totals'),
    total_tokens_out: count,
    total_cost: count,
    children: z.array(
      z.object({
        agent: text,
        workflow: text,
        status: z.enum(EXECUTION_STATUSES),
        runs: z.int(),
        cost: count,
      }),
    ),
  })
  .meta({ id: 'RunFigures' });

const comparison = z
  .object({
    is_same: z
      .boolean()
      .nullable()
      .describe(
        'Whether both runs have the same beginning, steps and end; null if only encrypted texts may differ',
      ),
    a: figures,
    b: figures,
    shared_steps: z.int().describe('The number of first steps that the fork copied'),
    began: differences,
    steps: z.object({
      same: z.int(),
      changed: z.int(),
      only_a: z.int(),
      only_b: z.int(),
      parts_at: z.int().nullable().describe('The first step that differs'),
      changes: z.array(
        z.object({
          what: z.enum(['changed', 'only_a', 'only_b']),
          a: z.int().nullable().describe('The position in the first log'),
          b: z.int().nullable().describe('The position in the second log'),
          kind: z.string(),
          name: text,
          differences,
        }),
      ),
      left_off: z.int().describe('The number of further changes that are left out'),
    }),
    ended: differences,
  })
  .meta({ id: 'Comparison' });

export const comparisonRoute: Route = route({
  method: 'GET',
  path: '/api/executions/{id}/compare/{other_id}',
  id: 'compareExecutions',
  tag: 'executions',
  summary: 'Compare a run with another run',
  description: 'Returns the first step in which the runs differ.',
  params: z.strictObject({
    id: id.describe('The id of run `a`'),
    other_id: id.describe('The id of run `b`'),
  }),
  answers: { 200: { description: 'The differences', schema: comparison } },
  async work(db, { params }) {
    const found = await jsonRow<{ compared: Comparison }>(
      db,
      'select howdah.compare_executions($1, $2) as compared',
      [params.id, params.other_id],
    );
    return { body: found?.compared };
  },
});
