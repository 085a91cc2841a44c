import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import { parseJson } from '../../json/parse-json.ts';

/**
 * A question whose recipient gave no valid answer. Without a fault, the recipient declined to
 * answer.
 */
export type UnansweredQuestion = {
  execution_id: string;
  question_id: string;
  fault: string | null;
};

/**
 * Parses a piece of a streamed answer from a worker. Returns undefined for any other payload on the
 * channel.
 */
export function pieceOf(payload: string): TokenPiece | undefined {
  try {
    const { execution_id, seq, attempt, offset, text } = parseJson<TokenPiece>(payload);
    const isPiece = typeof execution_id === 'string' && typeof text === 'string';
    return isPiece && Number.isInteger(seq) && Number.isInteger(attempt)
      ? { execution_id, seq, attempt, ...(Number.isInteger(offset) && { offset }), text }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Parses a report of a running tool. Returns undefined for any other payload on the channel. */
export function noteOf(payload: string): ToolNote | undefined {
  try {
    const note = parseJson<ToolNote>(payload);
    const isOne = typeof note.execution_id === 'string' && typeof note.tool === 'string';
    const isKnown = note.type === 'log' || (note.type === 'progress' && note.progress >= 0);
    return isOne && isKnown ? note : undefined;
  } catch {
    return undefined;
  }
}

/** Parses the notification of an unanswered question. Returns undefined for any other payload. */
export function unansweredOf(payload: string): UnansweredQuestion | undefined {
  try {
    const { execution_id, question_id, fault } = parseJson<Partial<UnansweredQuestion>>(payload);
    const isOne = typeof execution_id === 'string' && typeof question_id === 'string';
    return isOne ? { execution_id, question_id, fault: fault ?? null } : undefined;
  } catch {
    return undefined;
  }
}
