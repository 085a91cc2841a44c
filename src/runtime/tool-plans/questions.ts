import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { NewQuestion, QuestionKind } from '../../contracts/runs/step.ts';
import { isJsonObject, type JsonObject, type JsonSchema } from '../../json/json.ts';
import type { OpenCall } from './open-calls.ts';

/**
 * Builds a question about a call. Adds the settings under `question` of the tool's configuration:
 * `schema` (of an answer to ask_user), `expires_in_seconds`, `default_answer`, `required_role`,
 * `escalate_to`.
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
  return { ...question, ...shapeOf(kind, tool, args), ...deadlineAndRoles(kind, settings(tool)) };
}

/**
 * Builds the question for a person who is a member of a workflow. `prompt` is the filled template.
 */
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
    ...deadlineAndRoles('question', settings),
  };
}

/** Returns the schema and the options of an answer. */
function shapeOf(
  kind: QuestionKind,
  tool: ToolDefinition,
  args: JsonObject,
): Pick<NewQuestion, 'schema' | 'options'> {
  switch (kind) {
    case 'approval':
      // edited arguments must satisfy the schema as well
      return { schema: tool.parameters, options: ['approve', 'reject'] };
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

function deadlineAndRoles(kind: QuestionKind, settings: JsonObject): Partial<NewQuestion> {
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
