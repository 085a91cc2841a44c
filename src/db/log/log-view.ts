import type { View } from '../followers/source.ts';
import { FORGET_MS } from './log-cursor.ts';
import { finishedAt, type LogLine } from './log-lines.ts';
import type { LogRow } from './log-page.ts';
import type { StepLogRow } from './step-log.ts';

type Step = Pick<StepLogRow, 'execution_id' | 'seq'>;

/** The last known step of each run. */
export class SeenSteps {
  readonly #seen = new Map<string, { seq: number; at: number }>();

  note<One extends Step>(steps: readonly One[]): readonly One[] {
    for (const { execution_id, seq } of steps) {
      const before = this.#seen.get(execution_id)?.seq ?? 0;
      this.#seen.set(execution_id, { seq: Math.max(seq, before), at: Date.now() });
    }
    return steps;
  }

  /** Returns whether a step comes after the last seen step of its run. */
  isNew({ execution_id, seq }: Step): boolean {
    return seq > (this.#seen.get(execution_id)?.seq ?? 0);
  }

  forget(before: number): void {
    for (const [id, { at }] of this.#seen) if (at < before) this.#seen.delete(id);
  }
}

/** The time of the first line, the steps that are known, and the events of lines and of the end. */
export type LineEvents<Event> = {
  begin: number;
  seen?: SeenSteps;
  ofLine(line: LogLine): Event;
  ofEnd?(run: string): Event;
};

/** Returns the view of a subscriber, which gets each line once although some are read again. */
export function lineView<Event>({
  begin,
  seen = new SeenSteps(),
  ofLine,
  ofEnd,
}: LineEvents<Event>): View<LogRow, Event> {
  return {
    show(row, isSeen) {
      if (row.of === 'end') {
        seen.forget(Date.now() - 2 * FORGET_MS);
        return row.id === undefined ? undefined : ofEnd?.(row.id);
      }
      const { line } = row;
      if (!seen.isNew(line)) return undefined;
      seen.note([line]); // also if it is hidden: whether it is shown is decided once
      const isShown = finishedAt(line) >= begin && isSeen(line.execution_id);
      return isShown ? ofLine(line) : undefined;
    },
  };
}
