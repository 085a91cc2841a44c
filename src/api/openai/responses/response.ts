import type { Json } from '../../../json/json.ts';
import {
  incompleteReason,
  type PendingQuestion,
  questionText,
  type RunSnapshot,
  type StartedRun,
} from '../../conversation-protocols/conversation-runs.ts';
import { wireId } from '../ids.ts';
import { runFailure } from '../openai-errors.ts';
import type {
  FunctionCall,
  OpenAiResponse,
  OutputItem,
  ResponseMessage,
} from './response-schema.ts';
import type { ResponsesRequest } from './responses-request.ts';

type Phase = NonNullable<ResponseMessage['phase']>;

/** One request for a response: the values that every form of the answer has in common. */
export type ResponseContext = { request: ResponsesRequest; started: StartedRun; created: number };

/**
 * Returns the id of a response. The id of a continued run contains the step that it continued from,
 * because each answer has an id of its own.
 */
export function responseId({ id, since }: StartedRun): string {
  return wireId('resp', id) + (since > 0 ? `_${since}` : '');
}

export function messageId({ id }: StartedRun, seq: number): string {
  return `${wireId('msg', id)}_${seq}`;
}

export function messageItem(id: string, text: string, phase: Phase): ResponseMessage {
  const content = [{ type: 'output_text' as const, text, annotations: [], logprobs: [] }];
  const [type, role, status] = ['message', 'assistant', 'completed'] as const;
  return { id, type, role, status, content, phase };
}

/** Returns the item for a call that the client makes. */
export function callItem({ id, tool_call }: PendingQuestion): FunctionCall {
  return {
    id: wireId('fc', id),
    type: 'function_call' as const,
    status: 'completed' as const,
    call_id: wireId('call', id),
    name: tool_call?.name ?? '',
    arguments: JSON.stringify(tool_call?.arguments ?? ({} as Json)),
  };
}

/**
 * Returns the items for what a stopped run asks: calls of the client's tools, else the question to
 * a person.
 */
export function questionItems(started: StartedRun, run: RunSnapshot): OutputItem[] {
  const calls = run.questions.filter(({ is_client_call }) => is_client_call);
  if (run.status !== 'waiting' || calls.length > 0) return calls.map(callItem);
  const [question] = run.questions;
  return question
    ? [
        messageItem(
          `${messageId(started, run.step_count)}_q`,
          questionText(question),
          'final_answer',
        ),
      ]
    : [];
}

/** Returns the messages and questions of a run since the request of the client. */
export function outputOf(started: StartedRun, run: RunSnapshot): OutputItem[] {
  if (run.is_whole) {
    const whole =
      run.output === null
        ? []
        : [messageItem(messageId(started, run.step_count), run.output, 'final_answer')];
    return [...whole, ...questionItems(started, run)];
  }
  const answers = run.answers.filter(({ content }) => content !== '');
  return [
    ...answers.map(({ seq, content, has_calls }) =>
      messageItem(messageId(started, seq), content, has_calls ? 'commentary' : 'final_answer'),
    ),
    ...questionItems(started, run),
  ];
}

/** Returns the response: in progress without `run`, else as the run has ended. */
export function responseOf(
  { request, started, created }: ResponseContext,
  run?: RunSnapshot,
  output: OutputItem[] = [],
): OpenAiResponse {
  const incomplete = run && incompleteReason(run);
  return {
    id: responseId(started),
    object: 'response',
    created_at: created,
    completed_at: run?.status === 'completed' ? run.ended_at : null,
    status: run ? statusOf(run) : 'in_progress',
    background: false,
    error: run && statusOf(run) === 'failed' ? errorOf(started.id, run) : null,
    incomplete_details: incomplete ? { reason: INCOMPLETE_REASONS[incomplete] } : null,
    instructions: request.instructions ?? null,
    max_output_tokens: null,
    model: request.model,
    output: incomplete ? withIncompleteEnd(output) : output,
    parallel_tool_calls: true,
    previous_response_id: request.previous_response_id ?? null,
    reasoning: { effort: null, summary: null },
    store: request.store ?? true,
    temperature: null,
    text: { format: { type: 'text' } },
    tool_choice: request.tool_choice ?? 'auto',
    tools: (request.tools ?? []).map((tool) => ({ strict: null, parameters: null, ...tool })),
    top_p: null,
    truncation: 'disabled',
    ...(run && { usage: usageOf(run) }),
    ...(request.user != null && { user: request.user }),
    metadata: request.metadata ?? {},
  };
}

/** The reasons of answers that are not whole, in the terms of responses. */
const INCOMPLETE_REASONS = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
} as const;

/** Marks the last message as incomplete. */
function withIncompleteEnd(output: readonly OutputItem[]): OutputItem[] {
  const last = output.findLastIndex(({ type }) => type === 'message');
  return output.map((item, at) => (at === last ? { ...item, status: 'incomplete' } : item));
}

function statusOf(run: RunSnapshot) {
  if (run.status === 'cancelled') return 'cancelled';
  if (incompleteReason(run)) return 'incomplete';
  return run.status === 'failed' ? 'failed' : 'completed';
}

function errorOf(id: string, run: RunSnapshot) {
  return { code: 'server_error', message: runFailure(id, run).error.message };
}

function usageOf({ tokens_in, tokens_out }: RunSnapshot) {
  return {
    input_tokens: tokens_in,
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: tokens_out,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: tokens_in + tokens_out,
  };
}
