import { z } from 'zod';

/**
 * Schemas of a response and its events. `response.ts` and `response-events.ts` take their types
 * from here, and so does the OpenAPI document.
 */

const nothing = z.null();
const outputText = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.never()),
  logprobs: z.array(z.never()),
});
const itemStatus = z.enum(['in_progress', 'completed', 'incomplete']);

const message = z.object({
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  status: itemStatus,
  content: z.array(outputText),
  phase: z
    .enum(['commentary', 'final_answer'])
    .optional()
    .describe('commentary marks text between calls; absent while the text is streamed'),
});
const functionCall = z.object({
  id: z.string(),
  type: z.literal('function_call'),
  status: itemStatus,
  call_id: z.string().describe('The id to send the result of the call with'),
  name: z.string(),
  arguments: z.string().describe('JSON'),
});
export type ResponseMessage = z.output<typeof message>;
export type FunctionCall = z.output<typeof functionCall>;
const outputItem = z.union([message, functionCall]);
export type OutputItem = z.output<typeof outputItem>;

const usage = z.object({
  input_tokens: z.int(),
  input_tokens_details: z.object({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.object({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
});

export const response = z
  .object({
    id: z.string().describe('The id to send as previous_response_id of the next turn'),
    object: z.literal('response'),
    created_at: z.int().describe('Seconds since 1970'),
    completed_at: z.number().nullable(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
    background: z.literal(false),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z
      .object({ reason: z.enum(['max_output_tokens', 'content_filter']) })
      .nullable(),
    instructions: z.string().nullable(),
    max_output_tokens: nothing,
    model: z.string(),
    output: z.array(outputItem),
    parallel_tool_calls: z.literal(true),
    previous_response_id: z.string().nullable(),
    reasoning: z.object({ effort: nothing, summary: nothing }),
    store: z.boolean(),
    temperature: nothing,
    text: z.object({ format: z.object({ type: z.literal('text') }) }),
    tool_choice: z.union([z.string(), z.looseObject({})]),
    tools: z.array(z.looseObject({ type: z.string() })),
    top_p: nothing,
    truncation: z.literal('disabled'),
    usage: usage.optional(),
    user: z.string().optional(),
    metadata: z.looseObject({}),
  })
  .meta({ id: 'OpenAiResponse', description: 'A turn of an agent or workflow' });
export type OpenAiResponse = z.output<typeof response>;

const event = <const T extends readonly [string, ...string[]], F extends z.ZodRawShape>(
  types: T,
  fields: F,
) => z.object({ type: z.enum(types), sequence_number: z.int(), ...fields });
const place = { item_id: z.string(), output_index: z.int(), content_index: z.int() };
const argumentsPlace = { item_id: z.string(), output_index: z.int() };

export const responseEvent = z
  .union([
    event(
      [
        'response.created',
        'response.in_progress',
        'response.completed',
        'response.incomplete',
        'response.failed',
      ],
      { response },
    ),
    event(['response.output_item.added', 'response.output_item.done'], {
      output_index: z.int(),
      item: outputItem,
    }),
    event(['response.content_part.added', 'response.content_part.done'], {
      ...place,
      part: outputText,
    }),
    event(['response.output_text.delta'], {
      ...place,
      delta: z.string(),
      logprobs: outputText.shape.logprobs,
    }),
    event(['response.output_text.done'], {
      ...place,
      text: z.string(),
      logprobs: outputText.shape.logprobs,
    }),
    event(['response.function_call_arguments.delta'], { ...argumentsPlace, delta: z.string() }),
    event(['response.function_call_arguments.done'], {
      ...argumentsPlace,
      name: z.string(),
      arguments: z.string(),
    }),
    event(['error'], {
      code: z.string().nullable(),
      message: z.string(),
      param: z.string().nullable(),
    }),
  ])
  .meta({
    id: 'OpenAiResponseEvent',
    description: 'One event of a response; its name is its type',
  });
