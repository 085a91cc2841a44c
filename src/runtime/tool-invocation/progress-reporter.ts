import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { Progress, ProgressReport, ToolIo, ToolNote } from '../../contracts/agents/tool-io.ts';
import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';
import type { HeldRun } from '../held-run/held-run.ts';

/** Maximum length of a text or of data in a note, because a NOTIFY carries 8,000 bytes. */
export const NOTE_CHARACTERS = 1_000;
/** Reports that are sent at once, and the time in which one more may be sent. */
const BURST = 10;
const MS_PER_REPORT = 100;

export type ProgressReporter = {
  report: ToolIo['progress'];
  /** Sends the last report, unless it was sent. The call has ended. */
  end(): void;
};

/**
 * Creates the reporter of one call. The run keeps the last report for the step of the call. Of
 * reports that come fast, only the newest are sent.
 */
export function createProgressReporter(
  { name }: Pick<ToolDefinition, 'name'>,
  call_id: string,
  run: HeldRun,
): ProgressReporter {
  let room = BURST;
  let refilledAt = performance.now();
  let waiting: ToolNote | undefined;
  let timer: NodeJS.Timeout | undefined;
  let last = 0;
  const refill = () => {
    const gained = (performance.now() - refilledAt) / MS_PER_REPORT;
    refilledAt = performance.now();
    room = Math.min(BURST, room + gained);
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting) run.tell(waiting);
    waiting = undefined;
  };
  return {
    report(update: number | ProgressReport, total?: number, message?: string) {
      const progress = progressOf(update, total, message, last);
      if (!progress || run.abort.signal.aborted) return;
      last = progress.progress;
      run.progress.keep(call_id, progress);
      waiting = { execution_id: run.id, call_id, tool: name, type: 'progress', ...progress };
      refill();
      if (room >= 1) {
        room -= 1;
        flush();
      } else timer ??= setTimeout(flush, MS_PER_REPORT).unref();
    },
    end: flush,
  };
}

/** Returns a report in the form that subscribers get. Returns undefined if it says nothing. */
function progressOf(
  update: unknown,
  total: number | undefined,
  message: string | undefined,
  last: number,
): Progress | undefined {
  if (typeof update === 'number') {
    if (!Number.isFinite(update)) return undefined;
    const isWhole = typeof total === 'number' && Number.isFinite(total);
    const share = isWhole && total > 0 ? { percent: percentOf((update / total) * 100) } : {};
    return { progress: update, ...(isWhole && { total }), ...share, ...textOf(message) };
  }
  if (typeof update !== 'object' || update === null) return undefined;
  const { percent, message: text, data } = update as ProgressReport;
  const isKnown = typeof percent === 'number' && Number.isFinite(percent);
  const share = isKnown ? percentOf(percent) : undefined;
  return {
    progress: share ?? last,
    ...(share !== undefined && { total: 100, percent: share }),
    ...textOf(text),
    ...(data !== undefined && { data: shortData(data) }),
  };
}

function percentOf(value: number): number {
  return Math.round(Math.min(Math.max(value, 0), 100) * 100) / 100;
}

function textOf(message: unknown): { message?: string } {
  return message === undefined || message === null
    ? {}
    : { message: truncateMiddle(String(message), NOTE_CHARACTERS) };
}

/** Returns data as it is stored. Data that is too long becomes a shortened text. */
export function shortData(data: Json): Json {
  const text = JSON.stringify(data) ?? 'null';
  return text.length <= NOTE_CHARACTERS ? parseJson(text) : truncateMiddle(text, NOTE_CHARACTERS);
}
