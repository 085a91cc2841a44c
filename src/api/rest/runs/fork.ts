import { z } from 'zod';
import { executionSchema, findExecution } from '../../../operations/runs/run-rows.ts';
import { byId, json, object } from '../../../resources/fields.ts';
import { route } from '../framework/route.ts';

/** Route that calls the SQL function `fork_execution`. */
export const forkRoute = route({
  tag: 'executions',
  params: byId,
  method: 'POST',
  path: '/api/executions/{id}/fork',
  id: 'forkExecution',
  summary: 'Fork a run',
  description: 'The new run shares the first steps of the run.',
  isBodyOptional: true,
  isKeyed: true,
  body: z.strictObject({
    seq: z
      .int32()
      .min(0)
      .optional()
      .describe('The number of shared steps; all by default, none with input_data or changes'),
    input: z
      .string()
      .optional()
      .describe('At seq 0 replaces the input; later it is added after the shared steps'),
    version: z.int32().optional().describe('The version of its agent; the same version by default'),
    input_data: json.optional().describe('At seq 0 replaces the input_data; null keeps it'),
    changes: object
      .optional()
      .describe(
        'At seq 0 replaces single values of the input_data, such as {"order.number": 1001}',
      ),
    overrides: object
      .optional()
      .describe(
        'Replace overrides of the run by name, such as {"model": "careful"}; null removes one, and request_params are merged',
      ),
  }),
  answers: { 201: { description: 'The new run', schema: executionSchema } },
  async work(db, { params, body }) {
    const { seq = null, input = null, version = null } = body;
    const documents = [body.input_data, body.changes, body.overrides].map((one) =>
      one === undefined || one === null ? null : JSON.stringify(one),
    );
    const { rows } = await db.query<{ id: string }>(
      'select (howdah.fork_execution($1, $2, $3, $4, $5, $6, $7)).id::uuid::text as id',
      [params.id, seq, input, version, ...documents],
    );
    const made = rows[0]?.id ?? '';
    return {
      status: 201,
      headers: { location: `/api/executions/${made}` },
      body: await findExecution(db, made),
    };
  },
});
