import { z } from 'zod';
import type { JsonObject } from '../../json/json.ts';
import type { CallResult, ConversationTurn } from '../conversation-protocols/conversation-runs.ts';
import { uuidIn } from './ids.ts';
import { invalidParameter, unsupportedParameter } from './openai-errors.ts';

/**
 * A function as a client describes it. Chat completions nest it one level deeper than responses.
 */
export const functionSchema = z.looseObject({
  name: z.string(),
  description: z.string().nullish(),
  parameters: z.looseObject({}).nullish(),
});

export const toolChoice = z.union([z.string(), z.looseObject({})]).nullish();

/**
 * Returns the tools that the client calls itself, or no tools if the choice is `none`. Throws for
 * choices other than `auto`.
 */
export function toolsFor(
  functions: readonly z.output<typeof functionSchema>[],
  choice: z.output<typeof toolChoice>,
): ConversationTurn['tools'] {
  if (choice === 'none') return [];
  if (choice != null && choice !== 'auto') {
    const hint = 'Leave it out, or send auto or none.';
    throw unsupportedParameter('tool_choice', 'the agent decides which tools are called', hint);
  }
  return functions.map(({ name, description, parameters }) => ({
    name,
    ...(description != null && { description }),
    ...(parameters != null && { parameters: parameters as JsonObject }),
  }));
}

/**
 * Returns the result of a call by the id that came with the call. Throws for an id that is not of
 * such a call.
 */
export function callResultOf(param: string, callId: string, output: string): CallResult {
  const question_id = uuidIn('call', callId);
  if (question_id === undefined) {
    const hint =
      'Send the results of the tool calls of the last answer, each with the id of its call.';
    throw invalidParameter(
      param,
      `no tool call ${callId.slice(0, 100)} is waiting for a result`,
      hint,
    );
  }
  return { question_id, output };
}
