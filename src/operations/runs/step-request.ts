import { z } from 'zod';
import type { StepRequest } from '../../contracts/runs/step-request.ts';
import { parseJson } from '../../json/parse-json.ts';
import { id, json, numberText, object } from '../../resources/fields.ts';
import { rebuildRequest } from '../../runtime/replay/rebuild-request.ts';
import { operation } from '../operation.ts';

const message = z.strictObject({
  role: z.string(),
  content: z.string().nullable(),
  parts: z.array(object).optional().describe('Files, by their ids'),
  tool_calls: z.array(object).optional(),
  tool_call_id: z.string().optional(),
});

/** The request of a step to its model. */
const stepRequestSchema = z
  .strictObject({
    model: z.strictObject({
      name: z.string(),
      provider: z.string(),
      model: z.string().describe('The name that the provider knows'),
      base_url: z.string().nullable(),
      request_params: object,
    }),
    messages: z.array(message),
    tools: z.array(object),
    tool_choice: z.string().nullable().describe('The tool that the model had to call'),
    output_schema: json,
  })
  .meta({ id: 'StepRequest' });

/** The way in which the request of a step is found, for descriptions. */
export const REBUILT_HOW =
  'It is computed again from the version of the agent and the log before the step, by the functions that sent it. See docs/replay.md.';

/** Runs a statement on the connection of the caller. */
type Ask = (text: string, values: unknown[]) => Promise<{ rows: readonly { run: string }[] }>;

/** Rebuilds the request that a step sent to its model, from the run without its child runs. */
export async function readStepRequest(ask: Ask, id: string, seq: number): Promise<StepRequest> {
  const { rows } = await ask('select howdah_private.run_for_request($1)::text as run', [id]);
  return rebuildRequest(parseJson(rows[0]?.run ?? ''), seq);
}

/** Returns the request that a step sent to its model. */
export const stepRequest = operation({
  method: 'GET',
  path: '/api/executions/{id}/steps/{seq}/request',
  id: 'getStepRequest',
  tag: 'executions',
  summary: 'Get the request that a step sent to its model',
  description: REBUILT_HOW,
  params: z.strictObject({
    id,
    seq: numberText(z.int32().min(1)).describe('The number of the step'),
  }),
  answers: { 200: { description: 'The request', schema: stepRequestSchema } },
  async work(db, { params: { id: run, seq } }) {
    return { body: await readStepRequest((text, values) => db.query(text, values), run, seq) };
  },
});
