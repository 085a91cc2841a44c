import { HowdahError } from '../contracts/errors.ts';
import { createCall } from './call.ts';
import { followEvents } from './follow-events.ts';
import type { HttpClient } from './http-client.ts';
import type { LoggedStep } from './operations.generated.ts';

/** Filters of the log (docs/rest.md), and lines that are already known. */
export type LogOptions = {
  execution_id?: string;
  session_id?: string;
  agent_id?: string;
  workflow_id?: string;
  /** One status, or several with commas. */
  status?: string;
  errors?: boolean;
  /** Start of the time in which steps have finished. Without it, the log starts now. */
  since?: Date;
  /** Lines that were read before. These lines, and earlier lines of their runs, are skipped. */
  known?: readonly Pick<LoggedStep, 'execution_id' | 'seq' | 'finished_at'>[];
};

/**
 * Time for which lines are remembered, in milliseconds. After a lost connection, the server repeats
 * the lines that finished in the minute before. The rest of the time allows for clocks that differ.
 */
const REMEMBERED_MS = 180_000;

/**
 * Yields the lines of a log since a time, then each new line as it commits. The log of one run ends
 * with the run. After a lost connection, the server may send a line twice, because the line may
 * have been read late. Such a line is yielded once.
 */
export async function* followLog(
  ask: HttpClient,
  { known = [], since, ...filter }: LogOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<LoggedStep, void> {
  const seenLines = new SeenLines();
  for (const line of known) seenLines.isNew(line);
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (value !== undefined) search.set(name, String(value));
  }
  search.set('since', since?.toISOString() ?? (await databaseTime(ask)));
  const events = followEvents(ask, `/api/steps/stream?${search}`, { last: 'complete', signal });
  for await (const { event, data } of events) {
    if (event === 'error') throw new HowdahError(String(data.code), String(data.message));
    const line = data as unknown as LoggedStep;
    if (event === 'step' && seenLines.isNew(line)) yield line;
  }
}

/**
 * Returns the time of the database, so that nothing is lost when the stream is cut before its first
 * line.
 */
async function databaseTime(ask: HttpClient): Promise<string> {
  return (await createCall(ask)('listSteps', { query: { since: '1s', limit: 1 } })).now;
}

/** The last line of each run. The steps of a run are committed in order. */
class SeenLines {
  readonly #runs = new Map<string, { seq: number; at: number }>();
  #newest = 0;
  #swept = 0;

  isNew({
    execution_id,
    seq,
    finished_at,
  }: Pick<LoggedStep, 'execution_id' | 'seq' | 'finished_at'>) {
    const at = Date.parse(finished_at);
    this.#newest = Math.max(this.#newest, at);
    this.#sweep();
    const before = this.#runs.get(execution_id);
    if (before && before.seq >= seq) return false;
    this.#runs.set(execution_id, { seq, at: Math.max(at, before?.at ?? 0) });
    return true;
  }

  /**
   * Removes runs whose last line finished long before the newest line, because such lines are not
   * repeated.
   */
  #sweep(): void {
    if (this.#newest - this.#swept < REMEMBERED_MS) return;
    this.#swept = this.#newest;
    for (const [id, { at }] of this.#runs)
      if (at < this.#newest - REMEMBERED_MS) this.#runs.delete(id);
  }
}
