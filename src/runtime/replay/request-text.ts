import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ModelRequest } from '../../contracts/agents/model.ts';
import type { Action } from '../../contracts/runs/action.ts';
import type { Message } from '../../contracts/runs/message.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { unmarkExternal } from '../../text/untrusted-text.ts';
import { toolSchemas } from '../model-calls/plan-model-call.ts';
import { summaryRequest } from '../model-calls/summaries/summarize.ts';
import { abbreviate } from './format-divergence.ts';

/**
 * Returns the request that an action would send to its model, or undefined when the action calls no
 * model. Files are only references at this point.
 */
export function requestOf(action: Action, definition: AgentDefinition): ModelRequest | undefined {
  switch (action.type) {
    case 'call_model':
      return {
        model: action.model,
        messages: action.messages,
        tools: action.decision ? [action.decision] : toolSchemas(definition),
        ...(action.decision ? { tool_choice: action.decision.name } : {}),
        output_schema: definition.agent.output_schema,
      };
    case 'summarize':
      return summaryRequest(action);
    default:
      return undefined;
  }
}

/**
 * Renders a request as text, for people and for a diff. The text contains everything that the model
 * reads, and nothing else.
 */
export function requestText(request: ModelRequest): string {
  const { model, tools, output_schema } = request;
  return [
    `model ${model.name}: ${model.provider} ${model.model}${model.base_url ? ` at ${model.base_url}` : ''}`,
    `parameters ${canonicalJson(model.request_params)}`,
    ...(output_schema ? [`output_schema ${canonicalJson(output_schema)}`] : []),
    ...tools.map(
      ({ name, description, parameters }) =>
        `tool ${name} ${canonicalJson(parameters)} ${description}`,
    ),
    ...request.messages.map(messageLines),
  ].join('\n');
}

function messageLines(message: Message): string {
  const { role, content, parts, tool_calls, tool_call_id } = message;
  return [
    `[${role}${tool_call_id ? ` ${tool_call_id}` : ''}]`,
    ...(content === null ? [] : [content]),
    ...(parts ?? []).map(canonicalJson),
    ...(tool_calls ?? []).map((call) => `calls ${call.name} ${call.arguments} (${call.id})`),
  ].join('\n');
}

/** Describes a request by its model and its last message. */
export function describeRequest({ model, messages }: ModelRequest): string {
  const last = messages.at(-1);
  return `the model ${model.name} was asked${last ? `, after ${last.role}: ${abbreviate(last.content && unmarkExternal(last.content))}` : ''}`;
}
