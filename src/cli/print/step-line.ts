import type { ExecutionRow, Step } from '../../db/queries/queries.ts';
import { type CliIo, paint, plainNumber } from '../output/output.ts';
import { oneLine } from '../output/terminal-text.ts';

/** Formats a step as one line of talk: what happened, how long it took, and what was said. */
export function stepLine(io: CliIo, step: Step): string {
  const ms = step.finished_at.getTime() - step.started_at.getTime();
  const error = errorOf(step.error);
  const words = [step.said, step.calls && `→ ${step.calls}`].filter(Boolean).join(' ');
  const text = step.kind === 'output' ? '' : oneLine(words) + ofCache(step);
  const said = error ? error + repeatedAfter(step) : text;
  const head = `${String(step.seq).padStart(3)}  ${step.kind.padEnd(6)} ${step.name ?? ''}`.padEnd(
    28,
  );
  return `${head} ${paint(io, 'dim', `${ms} ms`.padStart(8))}  ${error ? paint(io, 'red', said) : said}`;
}

/** Says that an answer of a model or a tool is from the answer cache. */
function ofCache({ kind, output, annotations }: Step): string {
  const details = kind === 'model' ? output : annotations;
  const { cached_from } = (details ?? {}) as { cached_from?: object };
  return cached_from ? ' (from the answer cache)' : '';
}

/** Says after which wait a failed call is repeated, unless that is at once. */
function repeatedAfter({ kind, output }: Step): string {
  const { delay_ms = 0 } = (output ?? {}) as { delay_ms?: number };
  return kind === 'retry' && delay_ms >= 1_000
    ? ` (again after ${Math.round(delay_ms / 1_000)} s)`
    : '';
}

/** The columns that are shown of a run that has ended. */
export type Ended = Pick<
  ExecutionRow,
  | 'status'
  | 'stop_reason'
  | 'finish_reason'
  | 'step_count'
  | 'tokens_in'
  | 'tokens_out'
  | 'cost'
  | 'started_at'
  | 'completed_at'
  | 'output'
  | 'error'
>;

/** The words for an answer that its token limit cut off, at the end of a run. */
export const CUT_OFF = 'the token limit cut the answer off';

/** Formats the end of a run as one line of talk. */
export function endLine(execution: Ended): string {
  const seconds =
    execution.completed_at && execution.started_at
      ? ((execution.completed_at.getTime() - execution.started_at.getTime()) / 1000).toFixed(2)
      : '0';
  const tokens = Number(execution.tokens_in) + Number(execution.tokens_out);
  const cut = execution.finish_reason === 'length' ? ` · ${CUT_OFF}` : '';
  return `${execution.status} (${execution.stop_reason})${cut} · ${execution.step_count} steps · ${tokens} tokens · cost ${plainNumber(execution.cost)} · ${seconds} s`;
}

/** Returns the message of an error column. */
export function errorOf(error: unknown): string | undefined {
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? message : undefined;
}
