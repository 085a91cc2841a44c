import type { z } from 'zod';
import {
  isCutOff,
  type PendingQuestion,
  questionText,
  type RunSnapshot,
  type StartedRun,
} from '../../conversation-protocols/conversation-runs.ts';
import type { ChatFinishReason, completion, completionChunk } from '../completion-schemas.ts';
import { wireId } from '../ids.ts';

/**
 * Returns the content of the answer of a stopped run: its output, or what the run asks its client.
 */
export function chatAnswerOf(run: RunSnapshot): {
  content: string | null;
  calls: ReturnType<typeof callOf>[];
  finish_reason: ChatFinishReason;
} {
  const calls = run.questions.filter(({ is_client_call }) => is_client_call).map(callOf);
  if (calls.length > 0) {
    const text = run.answers.at(-1)?.content ?? '';
    return { content: text === '' ? null : text, calls, finish_reason: 'tool_calls' };
  }
  const [question] = run.questions;
  const content = question ? questionText(question) : run.output;
  const finish_reason = !question && isCutOff(run) ? 'length' : 'stop';
  return { content: content ?? '', calls: [], finish_reason };
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
): z.output<typeof completion> {
  const { content, calls, finish_reason } = chatAnswerOf(run);
  const message = {
    role: 'assistant' as const,
    content,
    refusal: null,
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
    calls(run: RunSnapshot) {
      const tool_calls = chatAnswerOf(run).calls.map((call, index) => ({ index, ...call }));
      return tool_calls.length > 0 ? [chunk({ tool_calls })] : [];
    },
    last: (run: RunSnapshot): Chunk[] => [
      chunk({}, chatAnswerOf(run).finish_reason),
      ...(hasUsage ? [{ ...head, choices: [], usage: usageOf(run) }] : []),
    ],
  };
}

function completionId({ id }: StartedRun): string {
  return `chatcmpl-${id.replaceAll('-', '')}`;
}
