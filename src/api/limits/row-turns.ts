/** Most rows that the streams of one user hand out in one turn of the event loop. */
const ROWS_PER_USER = 64;
/** Most rows that the streams of one tenant hand out in one turn of the event loop. */
const ROWS_PER_TENANT = 256;

/** The rows of one tenant: those of this turn by user, and the streams that wait, by user. */
type TenantRows = { count: number; ofUser: Map<string, number>; waiting: Map<string, Wake[]> };
type Wake = () => void;

/**
 * Limits the rows that streams hand out in one turn of the event loop. Making an event of a row and
 * writing it takes up to 0.1 ms, and rows that were read together are handed out without a pause.
 * Fifty streams that begin with old rows would keep the loop busy for a second. With this limit,
 * the loop serves other sockets and timers in between. New rows of runs under way rarely meet it.
 *
 * Waiting streams continue in the order in which they came, and users of a tenant take turns. Not a
 * `Semaphore`: a row has no permit to give back.
 */
export class RowTurns {
  readonly #tenants = new Map<string, TenantRows>();
  #turn: NodeJS.Immediate | undefined;

  /** The number of waiting streams. */
  get waiting(): number {
    const all = [...this.#tenants.values()].flatMap(({ waiting }) => [...waiting.values()]);
    return all.reduce((sum, { length }) => sum + length, 0);
  }

  /**
   * Counts one row. Returns undefined if it may be handed out in this turn of the event loop, else
   * a promise that resolves in the turn in which it may.
   */
  next(tenant: string, user: string): Promise<void> | undefined {
    this.#turn ??= setImmediate(() => this.#beginTurn());
    const rows = this.#tenants.get(tenant) ?? {
      ...{ count: 0, ofUser: new Map(), waiting: new Map() },
    };
    this.#tenants.set(tenant, rows);
    const waiting = rows.waiting.get(user);
    if (!waiting && countRow(rows, user)) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    if (waiting) waiting.push(resolve);
    else rows.waiting.set(user, [resolve]);
    return promise;
  }

  #beginTurn(): void {
    this.#turn = undefined;
    for (const [tenant, rows] of this.#tenants) {
      if (rows.waiting.size === 0) this.#tenants.delete(tenant);
      else {
        rows.count = 0;
        rows.ofUser.clear();
        wakeWaiting(rows);
      }
    }
    if (this.#tenants.size > 0) this.#turn = setImmediate(() => this.#beginTurn());
  }
}

/** Counts a row of this turn, if the user and the tenant may have one more. */
function countRow(rows: TenantRows, user: string): boolean {
  const ofUser = rows.ofUser.get(user) ?? 0;
  if (ofUser >= ROWS_PER_USER || rows.count >= ROWS_PER_TENANT) return false;
  rows.ofUser.set(user, ofUser + 1);
  rows.count += 1;
  return true;
}

/** Wakes as many waiting streams of a tenant as may continue, one of each user after the other. */
function wakeWaiting(rows: TenantRows): void {
  for (let isDone = false; !isDone; ) {
    isDone = true;
    for (const [user, waiting] of [...rows.waiting]) {
      if (!countRow(rows, user)) continue;
      waiting.shift()?.();
      isDone = false;
      rows.waiting.delete(user);
      if (waiting.length > 0) rows.waiting.set(user, waiting); // behind the others
    }
  }
}
