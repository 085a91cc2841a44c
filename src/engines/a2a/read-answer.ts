import { type Part, TaskState } from '@a2a-js/sdk';
import type { ModelAnswer, ModelCallContext, ModelRequest } from '../../contracts/agents/model.ts';
import type { Failure, Outcome } from '../../contracts/errors.ts';
import type { RemoteTaskPart } from '../../contracts/runs/message.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { unmarkNumbers } from '../../json/mark-numbers.ts';
import { parseJson } from '../../json/parse-json.ts';
import { estimateUsage } from '../../providers/answers/tokens.ts';
import { createFailure } from '../../providers/failure.ts';
import { redactAnswer } from '../../providers/http/answer-redaction.ts';
import { sentence } from '../../providers/http/redact.ts';
import { Redaction } from '../../redaction/redaction.ts';
import { truncate } from '../../text/truncate.ts';
import type { Connection } from './connection.ts';
import { fileLines } from './keep-files.ts';
import { type TaskProgress, textOf } from './task-progress.ts';

/** Most characters of a question to a person. */
const MAX_QUESTION = 4_000;

type AnswerOptions = {
  request: ModelRequest;
  context: ModelCallContext;
  connection: Connection;
  /** The text of the request, from which the usage is estimated. */
  requestText: string;
};

/** Converts a task that has stopped: an answer, a question to a person, or a failure. */
export async function readAnswer(
  progress: TaskProgress,
  options: AnswerOptions,
): Promise<Outcome<ModelAnswer>> {
  const { request, context, requestText } = options;
  if (!(progress.message && progress.taskId === '') && !ANSWERED.has(progress.state)) {
    return taskFailure(progress, options);
  }
  const answer: Pick<ModelAnswer, 'content' | 'tool_calls'> =
    progress.state === TaskState.TASK_STATE_INPUT_REQUIRED
      ? { content: null, tool_calls: [questionCall(progress, context)] }
      : { content: await contentOf(progress, options), tool_calls: [] };
  const redaction = Redaction.of(context.key === undefined ? [] : [context.key]);
  const finish_reason = answer.tool_calls.length > 0 ? 'tool_calls' : 'stop';
  const messages = [{ role: 'user' as const, content: requestText }];
  const usage = estimateUsage({ ...request, messages, tools: [] }, answer);
  const parts = taskPart(progress, options);
  return {
    ok: true,
    value: redactAnswer({ ...answer, finish_reason, usage, parts }, redaction),
  };
}

const ANSWERED: ReadonlySet<TaskState> = new Set([
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_INPUT_REQUIRED,
]);

/** Returns the part by which the next message finds the context, and the task if it is open. */
function taskPart(
  { taskId: task_id, contextId: context_id, state }: TaskProgress,
  { request, context }: AnswerOptions,
): RemoteTaskPart[] {
  if (context_id === '') return [];
  const isOpen = state === TaskState.TASK_STATE_INPUT_REQUIRED && context.run !== undefined;
  const open = isOpen ? { continued_by: context.run?.execution_id } : {};
  const url = request.model.base_url ?? '';
  return [{ type: 'remote_task', url, task_id, context_id, ...open } as RemoteTaskPart];
}

/** Returns the call that asks a person what the agent wants to know. */
function questionCall({ statusMessage, message }: TaskProgress, { run }: ModelCallContext) {
  const parts = (statusMessage ?? message)?.parts ?? [];
  const question = truncate(textOf(parts).trim(), MAX_QUESTION) || 'The agent needs more input.';
  const options = dataOf(parts).flatMap((data) =>
    isJsonObject(data) && Array.isArray(data.options) ? data.options.map(String) : [],
  );
  const args = { question, ...(options.length > 0 ? { options } : {}) };
  const id = `ask_${run?.idempotency_key.split(':').at(-1) ?? ''}`;
  return { id, name: 'ask_user', arguments: JSON.stringify(args) };
}

/**
 * Returns the text of an answer: the message of the last status, then the artifacts. Data is JSON.
 * If a schema is required, the data of the answer alone is the content.
 */
async function contentOf(
  { statusMessage, message, artifacts }: TaskProgress,
  { request, context, connection }: AnswerOptions,
): Promise<string> {
  const groups = [statusMessage?.parts ?? [], ...artifacts.map(({ parts }) => parts)];
  const all = groups.flat().length > 0 ? groups : [message?.parts ?? []];
  const [data, ...others] = all.flatMap(dataOf);
  if (request.output_schema && data !== undefined && others.length === 0) {
    return JSON.stringify(data);
  }
  const texts = new Set(all.flatMap(textsOf));
  const files = await fileLines(all.flat(), context, connection);
  return [...texts, ...files].join('\n\n');
}

/** Returns the text of parts, and their data unless the text repeats it. */
function textsOf(parts: readonly Part[]): string[] {
  const text = textOf(parts);
  const data = dataOf(parts);
  if (data.length === 0) return text === '' ? [] : [text];
  const repeated = canonicalJson(jsonIn(text));
  const others = data.filter((value) => canonicalJson(value) !== repeated);
  return [text, ...others.map((value) => JSON.stringify(value))].filter((part) => part !== '');
}

function dataOf(parts: readonly Part[]): Json[] {
  return parts.flatMap(({ content }) =>
    content?.$case === 'data' ? [unmarkNumbers(content.value as Json)] : [],
  );
}

function jsonIn(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** Returns the failure of a task that the agent did not complete. */
function taskFailure(
  { state, statusMessage, message }: TaskProgress,
  { request, context, connection: { host } }: AnswerOptions,
): Failure {
  const statusText = sentence(textOf((statusMessage ?? message)?.parts ?? []), context.key ?? null);
  const because = statusText === '' ? '' : ` It said: ${statusText}`;
  switch (state) {
    case TaskState.TASK_STATE_AUTH_REQUIRED: {
      const { secret_name } = request.model;
      const fix = secret_name
        ? `does not accept the secret ${secret_name}. Store another value with: howdah admin secret set ${secret_name}.`
        : 'requires a key. Store one with: howdah admin secret set NAME, and set secret_name in engine_configuration.';
      return createFailure('unauthorized', `The agent at ${host} ${fix}${because}`);
    }
    case TaskState.TASK_STATE_REJECTED:
      return createFailure('invalid_request', `The agent at ${host} rejected the task.${because}`);
    case TaskState.TASK_STATE_CANCELED:
      return createFailure('invalid_request', `The agent at ${host} cancelled the task.${because}`);
    default:
      return createFailure('invalid_request', `The task of the agent at ${host} failed.${because}`);
  }
}
