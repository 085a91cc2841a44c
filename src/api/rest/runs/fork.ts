import { z } from 'zod';
import { execution, findExecution } from '../../events/execution-rows.ts';
import { byId, json, object } from '../../http/fields.ts';
import { route } from '../framework/route.ts';

/** Route that calls the SQL function `fork_execution`. */
export const forkRoute = route({
  tag: 'executions',
  params: byId,
  method: 'POST',
  path: '/api/executions/{id}/fork',
  id: 'forkExecution',
  summary: 'A new run that shares its first steps',
  isBodyOptional: true,
  isKeyed: true,
  body: z.strictObject({
    seq: z
      .int32()
      .min(0)
      .optional()
      .describe('So many steps are shared; all when left out, none with input_data or changes'),
    input: z
      .string()
      .optional()
      .describe('At seq 0 in the place of its input, later said after it'),
    version: z.int32().optional().describe('Of its agent; the one it has when left out'),
    input_data: json.optional().describe('At seq 0 in the place of its input_data; null keeps it'),
    changes: object
      .optional()
      .describe('At seq 0 other values at places of its input_data: {"order.number": 1001}'),
  }),
  answers: { 201: { description: 'The new run', schema: execution } },
  async work(db, { params, body }) {
    const { seq = null, input = null, version = null } = body;
    const documents = [body.input_data, body.changes].map((one) =>
      one === undefined || one === null ? null : JSON.stringify(one),
    );
    const { rows } = await db.query<{ id: string }>(
      'select (howdah.fork_execution($1, $2, $3, $4, $5, $6)).id::uuid::text as id',
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
