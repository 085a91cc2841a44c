import { HowdahError } from '../../contracts/errors.ts';
import type { CliIo } from '../output/output.ts';
import { paintResult, plainNumber, printJson } from '../output/output.ts';
import { inCell, oneLine } from '../output/terminal-text.ts';

type Row = Readonly<Record<string, unknown>>;

/** The most rows that a followed list begins with. */
const MAX_FIRST = 1_000;
const LONGEST_TEXT = 60;

/** Returns a signal that fires with Ctrl-C. The command then ends with success. */
export function untilInterrupted(io: CliIo): AbortSignal {
  const stopped = new AbortController();
  io.onInterrupt(() => {
    io.setExitCode(0);
    stopped.abort();
  });
  return stopped.signal;
}

/** Throws `EUSAGE` for an option that has no meaning in a list that is followed. */
export function refuseWithFollow(option: string, hint: string): never {
  throw new HowdahError('EUSAGE', `--${option} cannot be combined with --follow`, {
    hint,
    detail: { field: `--${option}` },
  });
}

/** Throws `EUSAGE` for a number of rows that a followed list cannot begin with. */
export function checkFirst(limit: number): void {
  if (limit <= MAX_FIRST) return;
  throw new HowdahError('EUSAGE', `--limit is ${limit}, and at most ${MAX_FIRST} with --follow`, {
    hint: 'Older rows are listed without --follow.',
    detail: { field: '--limit' },
  });
}

/** Prints a change of a list: one JSON object, or one line. */
export function printListChange(
  io: CliIo,
  { id, item }: { id: string; item: Row | undefined },
  line: () => readonly string[],
): void {
  if (io.json) printJson(io, item ? { type: 'changed', ...item } : { type: 'removed', id });
  else io.out((item ? line() : [id, paintResult(io, 'dim', 'left the list')]).join('  '));
}

/** Formats a run as the words of a line. */
export function runWords(io: CliIo, run: Row): string[] {
  const status = String(run.status);
  return [
    String(run.id),
    status === 'failed' ? paintResult(io, 'red', status) : status,
    inCell(String(run.agent ?? '-')),
    `${run.steps} steps`,
    ...(Number(run.tokens) > 0 ? [`${run.tokens} tokens`] : []),
    ...(Number(run.cost) > 0 ? [`cost ${plainNumber(Number(run.cost))}`] : []),
    oneLine(String(run.input), LONGEST_TEXT),
  ];
}
