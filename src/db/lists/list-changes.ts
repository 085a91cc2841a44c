import type { Queryable } from '../connection/pool.ts';
import { jsonPage, jsonRow, jsonRows } from '../queries/json-rows.ts';
import { type Collection, type Condition, idOf } from '../queries/row-collection.ts';
import {
  cursorAfterAll,
  cursorAfterEach,
  cursorAt,
  type ListCursor,
  type Snapshot,
} from './list-cursor.ts';

/** A list that can be followed. */
export type WatchedList = 'executions' | 'questions' | 'watched_rows';

/** A table whose rows can be followed. */
export type FollowedCollection = Collection & { table: WatchedList };

/** A row as it is shown. */
export type ListedRow = Readonly<Record<string, unknown>> & { id: string };

/** A changed row of a tenant. */
export type ListChange = {
  id: string;
  /** The run that decides who may see the row. */
  execution_id: string;
  created_at: Date;
  /** The row as it is now, if it matches a filter. Undefined for other rows and deleted ones. */
  row: ListedRow | undefined;
  /** The indexes of the filters that the row matches. */
  matches: ReadonlySet<number>;
  /** The cursor of a reader that has this change and all changes before it. */
  cursor: ListCursor;
};

export type ChangesRead = {
  changes: ListChange[];
  cursor: ListCursor;
  /** The cursor of a new reader. From there, some of these changes may be read again. */
  newCursor: ListCursor;
  /** False if there are more changes after the cursor already. */
  isComplete: boolean;
  /**
   * For how many milliseconds nothing is expected to change: 0 if something has changed, or if a
   * run of the tenant is at work or due. Otherwise the time until the next run is due.
   */
  restMs: number;
  /** The time of the database when it was read, in milliseconds. */
  now: number;
};

/**
 * The first normal id of a transaction. It is the argument of a query that needs an id to compute
 * an age, when only the snapshot of the result is used.
 */
const FIRST_XID = '3';
/** Most changes of one read. */
export const MAX_PER_READ = 500;
/** Ids of transactions have 32 bits in rows, so the position of older cursors is ambiguous. */
const OLDEST_CURSOR = 1n << 30n;

const isRecent = (xid: string) => `age(${xid}) <= (select p.reach from position as p)`;

/**
 * Rows that may have changed after the cursor. There is no index on `xmin`, since it would cost
 * each commit a write. Runs that have not ended are found by executions_open_idx, open questions by
 * their status, and ended ones by time: `$2` is earlier than the first write of any unread
 * transaction.
 */
const CANDIDATES: Readonly<Record<WatchedList, string>> = {
  executions: `
    select t.id::uuid as id, t.id::uuid as execution_id, t.created_at, t.xmin as row_xid, h.xmin as head_xid
    from howdah.executions as t left join howdah_private.run_heads as h on h.execution_id = t.id
    where t.tenant_id = (select howdah.current_tenant()) and t.completed_at is null
      and (${isRecent('t.xmin')} or ${isRecent('h.xmin')})
    union all
    select t.id::uuid, t.id::uuid, t.created_at, t.xmin, null from howdah.executions as t
    where t.tenant_id = (select howdah.current_tenant()) and t.completed_at >= $2 and ${isRecent('t.xmin')}`,
  questions: `
    select t.id, t.execution_id, t.created_at, t.xmin as row_xid, null::xid as head_xid from howdah.questions as t
    where t.tenant_id = (select howdah.current_tenant()) and t.status = 'open' and ${isRecent('t.xmin')}
    union all
    select t.id, t.execution_id, t.created_at, t.xmin, null from howdah.questions as t
    where t.tenant_id = (select howdah.current_tenant()) and t.status <> 'open' and t.updated_at >= $2
      and ${isRecent('t.xmin')}`,
  // A watched row shows the status of its run, so a change of either is a change of the row.
  watched_rows: `
    select t.execution_id as id, t.execution_id, t.created_at, t.xmin as row_xid, e.xmin as head_xid
    from (
      select w.execution_id as id from howdah.watched_rows as w
      where w.tenant_id = (select howdah.current_tenant()) and w.updated_at >= $2 and ${isRecent('w.xmin')}
      union
      select e.id::uuid from howdah.executions as e
      where e.tenant_id = (select howdah.current_tenant()) and e.completed_at is null and ${isRecent('e.xmin')}
      union
      select e.id::uuid from howdah.executions as e
      where e.tenant_id = (select howdah.current_tenant()) and e.completed_at >= $2 and ${isRecent('e.xmin')}
    ) as c
    join howdah.watched_rows as t on t.execution_id = c.id
    left join howdah.executions as e on e.id = c.id`,
};

const SNAPSHOT = `
  select pg_snapshot_xmin(s)::text as xmin, pg_snapshot_xmax(s)::text as xmax,
    (extract(epoch from clock_timestamp()) * 1000)::bigint as now, age($1::text::xid8::xid) as reach
  from pg_current_snapshot() as s`;

const unread = (xid: string) => `case when ${isRecent(`c.${xid}`)} and c.${xid} <> all ($3::xid[])
    and (c.${xid} = $4::xid and c.id <= $5::uuid) is not true then c.${xid} end`;

type FoundSnapshot = { xmin: string; xmax: string; now: number };
type FoundChange = Pick<ListChange, 'id' | 'execution_id'> & {
  created_at: string;
  xids: string[];
  is_matching: boolean;
};

type FoundChanges = FoundSnapshot & { changes: FoundChange[]; rest_ms: number };

/** Longest rest that a read reports. */
const MAX_REST_MS = 86_400_000;

/** What else changes rows of a list, though no run is at work. */
const AT_WORK: Readonly<Partial<Record<WatchedList, string>>> = {
  watched_rows: `select from howdah.watched_rows as w
    where w.tenant_id = (select howdah.current_tenant()) and w.write_back = 'waiting'`,
};

/** The time until a run of the tenant is due. */
const restOf = (table: WatchedList) => `
  case when exists (select from changes) or exists (${AT_WORK[table] ?? 'select where false'}) then 0
    else coalesce((
      select min(case e.status when 'running' then 0 else least(${MAX_REST_MS}, greatest(0,
        extract(epoch from greatest(e.run_at, e.wake_at) - clock_timestamp()) * 1000)) end)::bigint
      from howdah.executions as e
      where e.tenant_id = (select howdah.current_tenant()) and e.completed_at is null
        and (e.status in ('running', 'queued') or e.status = 'waiting' and e.wake_at is not null)
    ), ${MAX_REST_MS}) end`;

/** Reads the position of the database, from which changes can be read. */
export async function currentCursor(db: Queryable): Promise<ListCursor> {
  return cursorAt(await snapshotOf(db));
}

/** Returns whether a cursor is of this database and not too old to continue from. */
export async function isUsableCursor(db: Queryable, { horizon }: ListCursor): Promise<boolean> {
  const { xmax } = await snapshotOf(db);
  return horizon <= xmax && horizon > xmax - OLDEST_CURSOR;
}

async function snapshotOf(db: Queryable): Promise<Snapshot> {
  const found = await jsonRow<FoundSnapshot>(db, SNAPSHOT, [FIRST_XID]);
  if (!found) throw new Error('the database gave no snapshot');
  return readSnapshot(found);
}

/**
 * Reads the changes of a list after a cursor, in the order of transactions, at most `MAX_PER_READ`
 * rows or one megabyte. Must run in a transaction as a reader of the whole tenant. `filters` select
 * the rows that are read in full.
 */
export async function readChanges(
  db: Queryable,
  list: FollowedCollection,
  before: ListCursor,
  filters: readonly (readonly Condition[])[],
): Promise<ChangesRead> {
  const { text, values } = changesStatement(list, before, filters);
  const found = await jsonRow<FoundChanges>(db, text, values);
  if (!found) throw new Error('the database gave no snapshot');
  const snapshot = readSnapshot(found);
  const rows = await readRows(db, list, found.changes, filters);
  const changes = found.changes.slice(0, rows.known).map((change) => ({
    ...change,
    xids: change.xids.map((xid) => fullXid(Number(xid), snapshot)),
  }));
  const isComplete = rows.known === found.changes.length && changes.length < MAX_PER_READ;
  const cursors = cursorAfterEach(before, snapshot, changes);
  return {
    changes: changes.map(({ id, execution_id, created_at }, index) => ({
      ...{ id, execution_id, created_at: new Date(created_at) },
      ...(rows.byId.get(id) ?? NO_MATCH),
      cursor: cursors[index] ?? before,
    })),
    cursor: isComplete ? cursorAfterAll(before, snapshot, changes) : (cursors.at(-1) ?? before),
    newCursor: cursorAt(snapshot),
    isComplete,
    restMs: found.rest_ms,
    now: snapshot.now,
  };
}

/** Returns the run of each of these rows. Omits rows that no longer exist. */
export async function runsOf(
  db: Queryable,
  list: FollowedCollection,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const run = list.table === 'executions' ? 't.id::uuid' : 't.execution_id';
  const text = `select ${idOf(list)}::uuid as id, ${run} as run from howdah.${list.table} as t
    where ${idOf(list)} = any ($1::uuid[])`;
  const rows = await jsonRows<{ id: string; run: string }>(db, text, [ids]);
  return new Map(rows.map(({ id, run: of }) => [id, of]));
}

function changesStatement(
  list: FollowedCollection,
  { horizon, seen, partial, since }: ListCursor,
  filters: readonly (readonly Condition[])[],
) {
  const values: unknown[] = [
    ...[`${horizon}`, new Date(since), seen.map((xid) => `${shortXid(xid)}`)],
    ...[partial ? `${shortXid(partial.xid)}` : null, partial?.id ?? null, MAX_PER_READ],
  ];
  const matches = matchesOf(filters, values);
  const text = `
    with position as materialized (${SNAPSHOT}),
    candidates as (${CANDIDATES[list.table]}),
    unread as (
      select c.id, c.execution_id, c.created_at, array_remove(array[${unread('row_xid')}, ${unread('head_xid')}], null) as xids
      from candidates as c
    ),
    changes as materialized (
      select u.*, (select min(age(x.xid)) from unnest(u.xids) as x (xid)) as age
      from unread as u where u.xids <> '{}' order by age desc, u.id limit $6
    )
    select p.xmin, p.xmax, p.now, coalesce((
      select json_agg(json_build_object('id', c.id, 'execution_id', c.execution_id, 'created_at', c.created_at,
        'xids', c.xids::text[], 'is_matching', ${matches} <> '{}') order by c.age desc, c.id)
      from changes as c join howdah.${list.table} as t on ${idOf(list)} = c.id
    ), '[]') as changes,
    ${restOf(list.table)} as rest_ms
    from position as p`;
  return { text, values };
}

/** Returns the expression for the indexes of the filters that a row matches. Adds their values. */
function matchesOf(filters: readonly (readonly Condition[])[], values: unknown[]): string {
  const places = filters.map((where, place) => {
    const all = where.map(([sql, value]) => sql.replaceAll('?', `$${values.push(value)}`));
    return `case when ${['true', ...all].join(' and ')} then ${place} end`;
  });
  return `array_remove(array[${places.join(', ')}]::int[], null)`;
}

type MatchingRow = Pick<ListChange, 'row' | 'matches'>;
const NO_MATCH: MatchingRow = { row: undefined, matches: new Set() };

/**
 * Reads the rows that match a filter, in their order. A row may have changed since it was found, so
 * the statement that shows it matches it again. `known` is the number of changes before the first
 * one whose row did not fit.
 */
async function readRows(
  db: Queryable,
  list: FollowedCollection,
  changes: readonly FoundChange[],
  filters: readonly (readonly Condition[])[],
) {
  const byId = new Map<string, MatchingRow>();
  const ids = changes.filter(({ is_matching }) => is_matching).map(({ id }) => id);
  if (ids.length === 0) return { byId, known: changes.length };
  const values: unknown[] = [ids];
  const text = `select ${matchesOf(filters, values)} as matches, ${list.shown}
    from unnest($1::uuid[]) with ordinality as i (id, place)
    join howdah.${list.table} as t on ${idOf(list)} = i.id order by i.place`;
  const { rows, isCut } = await jsonPage<ListedRow & { matches: number[] }>(db, text, values);
  for (const { matches, ...row } of rows) {
    if (matches.length > 0) byId.set(row.id, { row, matches: new Set(matches) });
  }
  const last = isCut ? changes.findIndex(({ id }) => id === rows.at(-1)?.id) : changes.length - 1;
  return { byId, known: last + 1 };
}

function readSnapshot({ xmin, xmax, now }: FoundSnapshot): Snapshot {
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), now };
}

/** Returns the 64 bits of an id of a transaction that has begun, of which a row has 32. */
function fullXid(xid: number, { xmax }: Snapshot): bigint {
  return xmax - BigInt.asUintN(32, xmax - BigInt(xid));
}

function shortXid(xid: bigint): bigint {
  return BigInt.asUintN(32, xid);
}
