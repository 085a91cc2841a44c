import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { NewQuestion, QuestionKind } from '../../contracts/runs/step.ts';
import { isJsonObject, type JsonObject, type JsonSchema } from '../../json/json.ts';
import type { OpenCall } from './open-calls.ts';

/**
 * A question about a call. What the tool's configuration says under `question` goes with it: `schema` (of an answer to
 * ask_user), `expires_in_seconds`, `default_answer`, `required_role`, `escalate_to`.
 */
export function questionForCall(
  kind: QuestionKind,
  tool: ToolDefinition,
  { call }: OpenCall,
  args: JsonObject,
  prompt: string,
): Omit<NewQuestion, 'id'> {
  const question: Omit<NewQuestion, 'id'> = {
    kind,
    call_id: call.id,
    prompt,
    tool_call: { id: call.id, name: tool.name, arguments: args },
  };
  return { ...question, ...shapeOf(kind, tool, args), ...timesAndPeople(kind, settings(tool)) };
}

/** What a person is asked who is a member of a workflow; `prompt` as it was filled in. */
export function questionForMember(
  settings: JsonObject,
  call_id: string,
  prompt: string,
): Omit<NewQuestion, 'id'> {
  const { schema, options } = settings;
  return {
    kind: 'question',
    call_id,
    prompt,
    ...(isJsonObject(schema) ? { schema: schema as JsonSchema } : {}),
    ...(Array.isArray(options) && options.length > 0 ? { options: options.map(String) } : {}),
    ...timesAndPeople('question', settings),
  };
}

/** What an answer may be. */
function shapeOf(
  kind: QuestionKind,
  tool: ToolDefinition,
  args: JsonObject,
): Pick<NewQuestion, 'schema' | 'options'> {
  switch (kind) {
    case 'approval':
      return { schema: tool.parameters, options: ['approve', 'reject'] }; // edited arguments have to fit as well
    case 'effect':
      return { options: ['done', 'again', 'give_up'] };
    case 'question': {
      const { schema } = settings(tool);
      const options = tool.kind === 'client' || !Array.isArray(args.options) ? [] : args.options;
      return {
        ...(isJsonObject(schema) ? { schema: schema as JsonSchema } : {}),
        ...(options.length > 0 ? { options: options.map(String) } : {}),
      };
    }
  }
}

function timesAndPeople(kind: QuestionKind, settings: JsonObject): Partial<NewQuestion> {
  const { expires_in_seconds, default_answer, required_role, escalate_to } = settings;
  const hasDeadline = typeof expires_in_seconds === 'number' && kind !== 'effect';
  return {
    ...(hasDeadline ? { expires_in_ms: Math.max(1, Math.round(expires_in_seconds * 1000)) } : {}),
    ...(hasDeadline && typeof default_answer === 'string' ? { default_answer } : {}),
    ...(typeof required_role === 'string' ? { required_role } : {}),
    ...(typeof escalate_to === 'string' ? { escalate_to } : {}),
  };
}

function settings(tool: ToolDefinition): JsonObject {
  return isJsonObject(tool.configuration.question) ? tool.configuration.question : {};
}
