import { setTimeout as pause } from 'node:timers/promises';
import type { Queries } from '../queries/queries.ts';
import { openRunListener } from './run-listener.ts';
import { endOf, LATE_MS, type LogFilter, loggedSteps, type StepLogRow } from './step-log.ts';

/**
 * The minimum pause between two reads. Many steps are read at once, and a read that takes long is
 * not repeated immediately.
 */
const MIN_PAUSE_MS = 50;
/** The least pause between two reads of a feed that many follow. */
export const POLL_MS = 500;
/** A read is followed by a pause of this many times its duration. */
export const RESTS_PER_READ = 4;
/** The age after which a finished step can no longer become readable. */
export const FORGET_MS = 60_000;

type Place = { db: Queries; url: string; signal: AbortSignal };

/**
 * Yields the result of `read`, then each new step as it commits, until the signal fires. With the
 * id of a run, ends when the run has ended. Polls the log twice a second, and uses announcements
 * only to read immediately. Steps of one read are ordered by time.
 */
export async function* followLog(
  { db, url, signal }: Place,
  filter: LogFilter,
  read: () => Promise<StepLogRow[]>,
): AsyncGenerator<StepLogRow> {
  const { id } = filter;
  const ids = id === undefined ? [] : [id];
  const known = new SeenSteps();
  const listener = await openRunListener(url, ids, signal);
  try {
    let last = (await endOf(db, undefined)).now.getTime();
    const begin = last - LATE_MS;
    // Mark all existing steps as known, whether they are shown or not.
    const before = { ...filter, errors: undefined, status: undefined };
    known.note(await loggedSteps(db, before, { since: new Date(begin) }));
    yield* known.note(await read());
    while (!signal.aborted) {
      const started = Date.now();
      // Read this before the steps, so that the end of the run is not reported too early.
      const { now, has_ended } = await endOf(db, id);
      const since = new Date(Math.max(begin, last - FORGET_MS));
      const span = { since, changedSince: new Date(last - LATE_MS), after: known.cursors() };
      yield* known.note(await loggedSteps(db, filter, span));
      if (has_ended) return;
      known.forget(started - 2 * FORGET_MS);
      last = now.getTime();
      const rest = Math.max(MIN_PAUSE_MS, (Date.now() - started) * RESTS_PER_READ);
      await pause(rest, undefined, { signal }).catch(() => {});
      await listener.nextChanged(ids);
    }
  } finally {
    await listener.close();
  }
}

/** The last known step of each run. */
export class SeenSteps {
  readonly #seen = new Map<string, { seq: number; at: number }>();

  note<Step extends Pick<StepLogRow, 'execution_id' | 'seq'>>(steps: Step[]): Step[] {
    for (const { execution_id, seq } of steps) {
      const before = this.#seen.get(execution_id)?.seq ?? 0;
      this.#seen.set(execution_id, { seq: Math.max(seq, before), at: Date.now() });
    }
    return steps;
  }

  /** Returns whether a step comes after the last seen step of its run. */
  isNew({ execution_id, seq }: Pick<StepLogRow, 'execution_id' | 'seq'>): boolean {
    return seq > (this.#seen.get(execution_id)?.seq ?? 0);
  }

  cursors(): Map<string, number> {
    return new Map([...this.#seen].map(([id, { seq }]) => [id, seq]));
  }

  forget(before: number): void {
    for (const [id, { at }] of this.#seen) if (at < before) this.#seen.delete(id);
  }
}
