import type { ModelAnswer } from '../../contracts/agents/model.ts';
import type { ToolCall } from '../../contracts/runs/message.ts';
import type { AnswerEnd } from './finish-reasons.ts';

/** The text and the calls of an answer, and how the vendor ended it. */
export type EndedAnswer = {
  content: string;
  /** Words with which the model refuses to answer, if the vendor tells them apart. */
  refusal: string;
  calls: ToolCall[];
  /** Names of calls that the vendor began and never ended. */
  openCalls?: readonly string[];
  end: AnswerEnd | undefined;
};

type Ended = Pick<ModelAnswer, 'content' | 'tool_calls' | 'finish_reason' | 'cut_calls'>;

/**
 * Returns what an answer says by the way it ended. An answer that was cut off by the token limit
 * calls nothing: its last call may be shorter than meant, even if it is complete. The names of its
 * calls are in `cut_calls`. The finish reason `tool_calls` of an answer without a call is kept: the
 * model has announced a call that is missing.
 */
export function endOfAnswer({ content, refusal, calls, openCalls = [], end }: EndedAnswer): Ended {
  if (end === 'length') {
    const cut_calls = [...calls.map(({ name }) => name), ...openCalls];
    const cut = cut_calls.length > 0 ? { cut_calls } : {};
    return { content: content + refusal, tool_calls: [], finish_reason: 'length', ...cut };
  }
  if (end === 'content_filter') {
    return { content: content + refusal, tool_calls: [], finish_reason: 'content_filter' };
  }
  if (end === 'refusal' || (refusal !== '' && calls.length === 0)) {
    return { content: content + refusal, tool_calls: [], finish_reason: 'refusal' };
  }
  const hasCalls = calls.length > 0;
  return {
    content: content === '' && hasCalls ? null : content,
    tool_calls: calls,
    finish_reason: hasCalls || end === 'tool_calls' ? 'tool_calls' : 'stop',
  };
}
