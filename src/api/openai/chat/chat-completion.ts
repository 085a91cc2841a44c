import type { z } from 'zod';
import {
  incompleteReason,
  type PendingQuestion,
  questionText,
  type RunSnapshot,
  type StartedRun,
} from '../../conversation-protocols/conversation-runs.ts';
import type { ChatFinishReason, completion, completionChunk } from '../completion-schemas.ts';
import { wireId } from '../ids.ts';

/** The answer of a stopped run, in the terms of a chat. */
export type ChatAnswer = {
  content: string | null;
  refusal: string | null;
  calls: ReturnType<typeof callOf>[];
  finish_reason: ChatFinishReason;
};

/**
 * Returns the answer of a stopped run: its output, what the run asks its client, the words of a
 * model that refused, or the part of an answer that is not whole. Null for a run that failed in
 * any other way or was cancelled.
 */
export function chatAnswerOf(run: RunSnapshot): ChatAnswer | null {
  const last = run.answers.at(-1)?.content ?? '';
  const incomplete = incompleteReason(run);
  if (run.status === 'failed' && run.error?.code === 'refused') {
    return { content: null, refusal: run.error.message, calls: [], finish_reason: 'stop' };
  }
  if (incomplete) {
    const content = run.output ?? last;
    return { content, refusal: null, calls: [], finish_reason: incomplete };
  }
  if (run.status === 'failed' || run.status === 'cancelled') return null;
  const calls = run.questions.filter(({ is_client_call }) => is_client_call).map(callOf);
  if (calls.length > 0) {
    return { content: last || null, refusal: null, calls, finish_reason: 'tool_calls' };
  }
  const [question] = run.questions;
  const content = question ? questionText(question) : (run.output ?? '');
  return { content, refusal: null, calls: [], finish_reason: 'stop' };
}

function callOf({ id, tool_call }: PendingQuestion) {
  return {
    id: wireId('call', id),
    type: 'function' as const,
    function: {
      name: tool_call?.name ?? '',
      arguments: JSON.stringify(tool_call?.arguments ?? {}),
    },
  };
}

export function usageOf({ tokens_in, tokens_out }: RunSnapshot) {
  return {
    prompt_tokens: tokens_in,
    completion_tokens: tokens_out,
    total_tokens: tokens_in + tokens_out,
  };
}

/** Creates a whole answer. */
export function completionOf(
  model: string,
  started: StartedRun,
  run: RunSnapshot,
  { content, refusal, calls, finish_reason }: ChatAnswer,
): z.output<typeof completion> {
  const message = {
    role: 'assistant' as const,
    content,
    refusal,
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return {
    id: completionId(started),
    object: 'chat.completion',
    created: run.created_at,
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    usage: usageOf(run),
  };
}

type Chunk = z.output<typeof completionChunk>;
type Delta = Chunk['choices'][number]['delta'];

/**
 * Creates the chunks of one answer. `created` is in seconds. With `hasUsage`, each chunk has a
 * usage, which is null in all chunks but the last.
 */
export function chunksOf(model: string, started: StartedRun, created: number, hasUsage: boolean) {
  const head = {
    id: completionId(started),
    object: 'chat.completion.chunk' as const,
    created,
    model,
  };
  const chunk = (delta: Delta, finish_reason: ChatFinishReason | null = null): Chunk => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    ...(hasUsage && { usage: null }),
  });
  return {
    first: () => chunk({ role: 'assistant', content: '' }),
    text: (content: string) => chunk({ content }),
    last: (run: RunSnapshot, { refusal, calls, finish_reason }: ChatAnswer): Chunk[] => [
      ...(refusal === null ? [] : [chunk({ refusal })]),
      ...(calls.length > 0
        ? [chunk({ tool_calls: calls.map((call, index) => ({ index, ...call })) })]
        : []),
      chunk({}, finish_reason),
      ...(hasUsage ? [{ ...head, choices: [], usage: usageOf(run) }] : []),
    ],
  };
}

function completionId({ id }: StartedRun): string {
  return `chatcmpl-${id.replaceAll('-', '')}`;
}
