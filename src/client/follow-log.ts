import { HowdahError } from '../contracts/errors.ts';
import { caller } from './call.ts';
import { followEvents } from './follow-events.ts';
import type { HttpClient } from './http.ts';
import type { LoggedStep } from './operations.generated.ts';

/** Which lines: docs/rest.md, and those that are known already. */
export type LogOptions = {
  execution_id?: string;
  session_id?: string;
  agent_id?: string;
  workflow_id?: string;
  /** Several with commas. */
  status?: string;
  errors?: boolean;
  /** Finished since; from now on without it. */
  since?: Date;
  /** Lines that were read before: they and those before them in their runs are not told. */
  known?: readonly Pick<LoggedStep, 'execution_id' | 'seq' | 'finished_at'>[];
};

/** What the server tells again after a loss was finished in the minute before; so long more, clocks may differ. */
const KEPT_MS = 180_000;

/**
 * The lines of a log since a time, then each new one as it commits; of one run until it has ended. What a server tells twice after
 * a loss, since it may have been read late, is told once here.
 */
export async function* followLog(
  ask: HttpClient,
  { known = [], since, ...filter }: LogOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<LoggedStep, void> {
  const seen = new Seen();
  for (const line of known) seen.isNew(line);
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (value !== undefined) search.set(name, String(value));
  }
  search.set('since', since?.toISOString() ?? (await nowThere(ask)));
  const events = followEvents(ask, `/api/steps/stream?${search}`, { last: 'complete', signal });
  for await (const { event, data } of events) {
    if (event === 'error') throw new HowdahError(String(data.code), String(data.message));
    const line = data as unknown as LoggedStep;
    if (event === 'step' && seen.isNew(line)) yield line;
  }
}

/** The time of the database, so that nothing is lost when the stream is cut before its first line. */
async function nowThere(ask: HttpClient): Promise<string> {
  return (await caller(ask)('listSteps', { query: { since: '1s', limit: 1 } })).now;
}

/** The last line of each run. The steps of a run are committed in their order. */
class Seen {
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

  /** Of what was finished so long before the newest none comes again. */
  #sweep(): void {
    if (this.#newest - this.#swept < KEPT_MS) return;
    this.#swept = this.#newest;
    for (const [id, { at }] of this.#runs) if (at < this.#newest - KEPT_MS) this.#runs.delete(id);
  }
}
