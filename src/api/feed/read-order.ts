/** A cursor of a run, with the number of steps that its next read returns. */
export type BehindCursor = { id: string; cursor: number; steps: number };

/** A subscriber that lacks at most this many steps follows a run under way. */
const FEW_STEPS = 20;
/** Most steps of one read, besides those of runs under way. */
const OLD_STEPS_PER_READ = 2_000;

/**
 * Chooses what one read of the hub contains: the new steps of runs under way, and a bounded number
 * of older steps. Many subscribers may begin with old steps of long runs at the same time. Without
 * the bound, the new step of another run would wait for all of them. Cursors that one read left
 * come before others in the next.
 */
export class ReadOrder {
  #left: ReadonlySet<string> = new Set();

  /** Divides cursors into those to read now, and the runs of which the rest is read later. */
  divide(cursors: readonly BehindCursor[]): { due: BehindCursor[]; later: ReadonlySet<string> } {
    const { few = [], many = [] } = Object.groupBy(cursors, ({ steps }) =>
      steps <= FEW_STEPS ? 'few' : 'many',
    );
    const rankOf = ({ id }: BehindCursor) => (this.#left.has(id) ? 0 : 1);
    const old = many.toSorted((a, b) => rankOf(a) - rankOf(b));
    let count = 0;
    const isLater = ({ steps }: BehindCursor, index: number) => {
      count += steps;
      return index > 0 && count > OLD_STEPS_PER_READ;
    };
    const end = old.findIndex(isLater);
    const [due, rest] = end < 0 ? [old, []] : [old.slice(0, end), old.slice(end)];
    this.#left = new Set(rest.map(({ id }) => id));
    return { due: [...few, ...due], later: this.#left };
  }
}
