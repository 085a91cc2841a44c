import type { StepLogRow } from '../../db/log/step-log.ts';
import type { ExecutionStatus } from '../../db/schema.generated.ts';
import { type CliIo, paintResult, plainNumber, printJson } from '../output/output.ts';
import { inCell, oneLine } from '../output/terminal-text.ts';
import { errorOf } from './step-line.ts';

/** The options of `howdah logs`, for a database and for a server. */
export type LogCommandOptions = {
  follow?: true;
  since?: Date;
  agent?: string;
  workflow?: string;
  status?: ExecutionStatus[];
  session?: string;
  errors?: true;
  limit: number;
};

const HOUR_MS = 3_600_000;
const LONGEST_ERROR = 120;

/** Returns the time from which steps are shown. Of a run or a session all steps are shown. */
export function sinceOf(
  { since, session }: Pick<LogCommandOptions, 'since' | 'session'>,
  id: string | undefined,
): Date {
  return since ?? new Date((id ?? session) ? 0 : Date.now() - HOUR_MS);
}

export function printMoreHint(io: CliIo, most: number): void {
  io.err(`Earlier steps are not shown. To show more: --limit ${most * 10}`);
}

export function printNoneHint(
  io: CliIo,
  { since, session }: Pick<LogCommandOptions, 'since' | 'session'>,
  id: string | undefined,
): void {
  const isHour = since === undefined && session === undefined && id === undefined;
  io.err(
    isHour
      ? 'No steps match in the last hour. To look further back: --since 7d'
      : 'No steps match.',
  );
}

/** Prints one line: time, run, agent, step, duration, usage, and the error. */
export function printLogStep(io: CliIo, step: StepLogRow): void {
  if (io.json) {
    printJson(io, { type: 'step', ...step });
    return;
  }
  const { execution_id, finished_at, agent, seq, kind, name, ms, error } = step;
  const tokens = step.tokens_in + step.tokens_out;
  const cost = Number(step.cost) === 0 ? '' : `cost ${plainNumber(step.cost)}`;
  const isFailed = error !== null || ['error', 'retry', 'guard'].includes(kind);
  const what = inCell([kind, name].filter(Boolean).join(' '));
  const words = [
    paintResult(io, 'dim', finished_at.toISOString()),
    execution_id.slice(-12),
    inCell(agent ?? '-'),
    String(seq),
    isFailed ? paintResult(io, 'red', what) : what,
    `${ms} ms`,
    ...(tokens > 0 ? [`${tokens} tokens`] : []),
    ...(cost === '' ? [] : [cost]),
    ...(error === null ? [] : [oneLine(errorOf(error) ?? JSON.stringify(error), LONGEST_ERROR)]),
  ];
  io.out(words.join('  '));
}
