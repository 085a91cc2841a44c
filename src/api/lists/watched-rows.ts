import { z } from 'zod';
import { type EnumLabel, enumLabels } from '../../contracts/enum-labels.generated.ts';
import { EXECUTION_STATUSES, type ExecutionStatus } from '../../contracts/runs/step.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import type { FollowedCollection } from '../../db/lists/list-changes.ts';
import { jsonRows } from '../../db/queries/json-rows.ts';
import type { Collection, Condition } from '../../db/queries/row-collection.ts';
import { impliedByStatuses } from '../../db/queries/run-search.ts';
import type { Json } from '../../json/json.ts';
import { id, json, object, time } from '../../resources/fields.ts';
import { conditionsOf, objectIn } from './list-filters.ts';

const text = z.string().nullable();

/** A row of a watched table, with the run that it started and what became of the answer. */
export const watchedRow = z
  .object({
    id,
    execution_id: id.describe('The run that the row started'),
    table: z.string().describe('The name under which the table is watched'),
    row_key: object.describe('The primary key of the row'),
    agent: text,
    workflow: text,
    status: z.enum(EXECUTION_STATUSES).nullable().describe('The status of the run'),
    into_column: text,
    write_back: z
      .enum(enumLabels.write_back_status)
      .nullable()
      .describe('The state of the answer; null if the watch writes no answer'),
    error: object.nullable(),
    written_at: time.nullable(),
    created_at: time,
    current_row: json.describe(
      'The row as it is now, with the columns that the caller may read; null if the caller may not read the row, if it is gone, or if it has more than 64 kB',
    ),
  })
  .meta({ id: 'WatchedRow' });

const ofWatch = (column: string) =>
  `(select w.${column} from howdah.table_triggers as w where w.id = t.table_trigger_id)`;
const ofRun = (expression: string) =>
  `(select ${expression} from howdah.executions as e where e.id = t.execution_id)`;
const nameOf = (table: 'agents' | 'workflows', key: string) =>
  ofRun(`(select n.name from howdah.${table} as n where n.id = e.${key})`);

/** Watched rows as followed lists read them: without `current_row`, which differs by caller. */
export const watchedRows = {
  table: 'watched_rows',
  id: 'execution_id',
  isLarge: true,
  shown: `t.execution_id as id, t.execution_id, ${ofWatch('table_name')} as "table", t.row_key,
    ${nameOf('agents', 'agent_id')} as agent, ${nameOf('workflows', 'workflow_id')} as workflow,
    ${ofRun('e.status')} as status, ${ofWatch('into_column')} as into_column,
    t.write_back, t.error, t.written_at, t.created_at`,
} as const satisfies FollowedCollection;

/** Watched rows as a caller reads them. */
export const callersWatchedRows = {
  ...watchedRows,
  shown: `${watchedRows.shown}, howdah.watched_rows_current_row(t) as current_row`,
} as const satisfies Collection;

/** Reads the rows of the user's tables as the caller, by the ids of watched rows. */
export async function currentRows(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, { current_row: Json }>> {
  const rows = await jsonRows<{ id: string; current_row: Json }>(
    db,
    `select t.execution_id as id, howdah.watched_rows_current_row(t) as current_row
     from howdah.watched_rows as t where t.execution_id = any ($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map(({ id, current_row }) => [id, { current_row }]));
}

type Optional<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/** A filter of watched rows. All conditions must be true. */
export type WatchedRowFilter = Optional<{
  /** The name of the table, such as `shop.tickets`. */
  table: string;
  /** A JSON object that the primary key must contain. */
  row: string;
  execution_id: string;
  status: readonly (typeof EXECUTION_STATUSES)[number][];
  write_back: EnumLabel<'write_back_status'>;
}>;

/**
 * The first part is not leakproof, so the second one finds the rows by an index. In a list that is
 * followed, it is evaluated only if a changed row has the key.
 */
const HAS_KEY = `t.row_key @> ?::jsonb
  and t.execution_id = any (array(select howdah_private.find_watched_rows(?::jsonb)))`;

const hasStatus = (statuses: readonly ExecutionStatus[]) => {
  const implied = impliedByStatuses(statuses).map((text) => ` and ${text.replace('t.', 'e.')}`);
  return `exists (select from howdah.executions as e
    where e.tenant_id = t.tenant_id and e.id = t.execution_id
      and e.status = any (?::howdah.execution_status[])${implied.join('')})`;
};

/**
 * Returns the conditions of a filter of watched rows. Throws `HWNTF` if the table is not watched,
 * and `HWINV` if `row` is no JSON object.
 */
export async function watchedRowConditions(
  db: Queryable,
  { table, row, execution_id, status, write_back }: WatchedRowFilter,
): Promise<Condition[]> {
  const ofTable = table === undefined ? [] : [await isOfTable(db, table)];
  const others = conditionsOf({
    [HAS_KEY]: row === undefined ? undefined : objectIn(row, 'row', { id: 4711 }),
    [hasStatus(status ?? [])]: status,
    't.write_back = ?::howdah.write_back_status': write_back,
    't.execution_id = ?::uuid': execution_id,
  });
  return [...ofTable, ...others];
}

/** Returns the condition that the watch of a row is of this table, now or later. */
async function isOfTable(db: Queryable, table: string): Promise<Condition> {
  const { rows } = await db.query<{ id: string }>('select id from howdah.watches($1)', [table]);
  const ids = rows.map(({ id }) => id);
  const now: Condition =
    ids.length === 1
      ? ['t.table_trigger_id = ?::uuid', ids[0]]
      : ['t.table_trigger_id = any (?::uuid[])', ids];
  return [OF_TABLE, table, now];
}

const OF_TABLE =
  't.table_trigger_id in (select w.id from howdah.table_triggers as w where w.table_name = ?)';
