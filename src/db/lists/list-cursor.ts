/**
 * A position in the changes of a list.
 *
 * Transactions do not commit in the order in which they began to write. So no id or time of a row
 * can be a cursor: a row with a lower value may be committed later. But each row has the id of the
 * transaction that wrote it (`xmin`), and a snapshot has the lowest id of an open transaction. That
 * id is the horizon: every transaction below it has been read. A cursor consists of the horizon and
 * of the transactions above it that have been read already. All others are still unread, whenever
 * they commit.
 */
export type ListCursor = Readonly<{
  /** The horizon: all transactions with a lower id have been read or have written nothing. */
  horizon: bigint;
  /** Transactions at or above the horizon whose rows have been read. */
  seen: readonly bigint[];
  /** A transaction of which only the rows up to this id have been read. */
  partial: Readonly<{ xid: bigint; id: string }> | undefined;
  /** A time before any transaction at or above the horizon began to write, in milliseconds. */
  since: number;
  /** The next `since`: valid as soon as the horizon has reached `xid`. */
  next: Readonly<{ xid: bigint; at: number }>;
}>;

/** A snapshot of the database: its open transactions, and its time in milliseconds. */
export type Snapshot = Readonly<{ xmin: bigint; xmax: bigint; now: number }>;

/** A changed row, with the unread transactions that wrote it. */
export type WrittenRow = Readonly<{ id: string; xids: readonly bigint[] }>;

/** Most transactions of the cursor of a reader, and of a cursor that a client has. */
const MAX_SEEN = 1_000;
const MAX_SEEN_BY_CLIENTS = 64;
/**
 * Assumed maximum age of a transaction that is open when a cursor is created. Later cursors measure
 * the age from snapshots.
 */
const FIRST_REACH_MS = 3_600_000;
/** Time that may pass between the reading of the clock for a row and its first write. */
const CLOCK_SLACK_MS = 5_000;

/** Returns the cursor of a reader that has read everything which the snapshot shows. */
export function cursorAt({ xmin, xmax, now }: Snapshot): ListCursor {
  const since = now - (xmin === xmax ? CLOCK_SLACK_MS : FIRST_REACH_MS);
  return { horizon: xmin, seen: [], partial: undefined, since, next: { xid: xmax, at: now } };
}

/**
 * Returns the cursor after each of these rows, which are sorted by `newestXid` and id. A row that
 * several transactions wrote is read with the newest of them. A transaction counts as read when the
 * rows of the next one begin. Its other rows then come with a later transaction.
 */
export function cursorAfterEach(
  before: ListCursor,
  { xmin }: Snapshot,
  rows: readonly WrittenRow[],
): ListCursor[] {
  const seen = new Set(before.seen);
  let open = before.partial?.xid;
  return rows.map((row) => {
    const xid = newestXid(row);
    if (open !== undefined && open !== xid) seen.add(open);
    open = xid;
    for (const other of row.xids) if (other < xid) seen.add(other);
    const horizon = xid < xmin ? xid : xmin;
    const partial = { xid, id: row.id };
    return { ...timesAt(horizon, before), horizon, seen: newestFrom(horizon, seen), partial };
  });
}

/** Returns the times of a cursor whose horizon has risen. */
function timesAt(horizon: bigint, { since, next }: ListCursor): Pick<ListCursor, 'since' | 'next'> {
  if (horizon < next.xid) return { since, next };
  return { since: next.at - CLOCK_SLACK_MS, next: { xid: horizon, at: next.at } };
}

/** Returns the cursor after all rows of a snapshot. */
export function cursorAfterAll(
  before: ListCursor,
  { xmin, xmax, now }: Snapshot,
  rows: readonly WrittenRow[],
): ListCursor {
  const partial = before.partial === undefined ? [] : [before.partial.xid];
  const seen = new Set([...before.seen, ...partial, ...rows.flatMap(({ xids }) => xids)]);
  const { since, next } = timesAt(xmin, before);
  const isReached = xmin >= before.next.xid;
  return {
    horizon: xmin,
    seen: newestFrom(xmin, seen),
    partial: undefined,
    since,
    next: isReached ? { xid: xmax, at: now } : next,
  };
}

/** Returns the newest transaction of a row, to which the row belongs. */
export function newestXid({ xids }: WrittenRow): bigint {
  return xids.reduce((newest, xid) => (xid > newest ? xid : newest));
}

/**
 * Returns the newest transactions at or above the horizon. Older ones are dropped, so their rows
 * may be read again.
 */
function newestFrom(horizon: bigint, seen: Iterable<bigint>): bigint[] {
  return [...seen]
    .filter((xid) => xid >= horizon)
    .sort((a, b) => (a < b ? -1 : 1))
    .slice(-MAX_SEEN);
}

/** Writes a cursor as text. Transactions and times are differences, so that it stays short. */
export function formatListCursor({ horizon, seen, partial, since, next }: ListCursor): string {
  const offset = (xid: bigint) => (xid - horizon).toString(36);
  return [
    horizon.toString(36),
    since.toString(36),
    offset(next.xid),
    (next.at - since).toString(36),
    partial ? `${offset(partial.xid)}_${partial.id}` : '',
    seen.slice(-MAX_SEEN_BY_CLIENTS).map(offset).join('_'),
  ].join('.');
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const XID = '[0-9a-z]{1,13}';
const TIME = '[0-9a-z]{1,10}';
const TEXT = new RegExp(
  `^(${XID})\\.(${TIME})\\.(${XID})\\.(${TIME})\\.(?:(${XID})_(${UUID}))?\\.([0-9a-z_]{0,900})$`,
);

/** Parses a cursor. Returns undefined for any other text. */
export function parseListCursor(text: string): ListCursor | undefined {
  const [, horizon, since, nextXid, nextAt, partialXid, id, seen] = TEXT.exec(text) ?? [];
  if (!horizon || !since || !nextXid || !nextAt) return undefined;
  const from = numberIn(horizon);
  const xidOf = (part: string) => from + numberIn(part);
  const start = Number.parseInt(since, 36);
  return {
    horizon: from,
    seen: seen ? seen.split('_').filter(Boolean).map(xidOf) : [],
    partial: partialXid && id ? { xid: xidOf(partialXid), id } : undefined,
    since: start,
    next: { xid: xidOf(nextXid), at: start + Number.parseInt(nextAt, 36) },
  };
}

function numberIn(text: string): bigint {
  return [...text].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36) || 0), 0n);
}
