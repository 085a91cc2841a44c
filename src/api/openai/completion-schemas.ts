import { z } from 'zod';

/**
 * Schemas of the answers in OpenAI's format. The code that creates answers takes its types from
 * here, and so does the OpenAPI document.
 */

const nothing = z.null();

/** The body of an error. */
export const openAiErrorBody = z
  .object({
    error: z.object({
      message: z.string().describe('The error and how to fix it'),
      type: z.string(),
      param: z.string().nullable().describe('The field with the error'),
      code: z
        .string()
        .nullable()
        .describe('The code of OpenAI if there is one, else the code of Howdah'),
    }),
  })
  .meta({ id: 'OpenAiError', description: 'An error in the format of OpenAI' });

export const model = z
  .object({
    id: z.string().describe('The name of an agent or workflow'),
    object: z.literal('model'),
    created: z.int().describe('Seconds since 1970'),
    owned_by: z.string(),
  })
  .meta({ id: 'OpenAiModel', description: 'An agent or workflow that you may run' });
export type Model = z.output<typeof model>;

export const modelList = z.object({ object: z.literal('list'), data: z.array(model) });

const calledFunction = z.object({ name: z.string(), arguments: z.string().describe('JSON') });
const toolCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: calledFunction,
});
/** The reason why an answer has ended, in OpenAI's terms. */
const finishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter']);
export type ChatFinishReason = z.output<typeof finishReason>;

const chatUsage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
});

export const completion = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int().describe('Seconds since 1970'),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.string().nullable().describe('Why the model refused to answer'),
          tool_calls: z
            .array(toolCall)
            .optional()
            .describe('Calls of tools that the client provided'),
        }),
        logprobs: nothing,
        finish_reason: finishReason,
      }),
    ),
    usage: chatUsage,
  })
  .meta({ id: 'ChatCompletion' });

export const completionChunk = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion.chunk'),
    created: z.int().describe('Seconds since 1970'),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().optional(),
          refusal: z.string().optional(),
          tool_calls: z.array(toolCall.extend({ index: z.int() })).optional(),
        }),
        logprobs: nothing,
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: chatUsage
      .nullable()
      .optional()
      .describe('With stream_options.include_usage: set in the last chunk, null before'),
  })
  .meta({ id: 'ChatCompletionChunk' });
