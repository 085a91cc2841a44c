import type { Pool } from '../connection/pool.ts';
import { jsonRows } from '../queries/json-rows.ts';
import { runCounter } from '../queries/run-counters.ts';

/** Queries of the owner for followed runs, many at a time. Access has been checked before. */

/**
 * Returns the runs with these ids, in their order, by a select list over `t`. Returns undefined for
 * a run that does not exist.
 */
export async function executionsById<T extends { id: string }>(
  pool: Pool,
  ids: readonly string[],
  shown: string,
): Promise<(T | undefined)[]> {
  const text = `select ${shown} from howdah.executions as t where t.id = any ($1::uuid[])`;
  const found = new Map((await jsonRows<T>(pool, text, [ids])).map((row) => [row.id, row]));
  return ids.map((id) => found.get(id));
}

/** Returns the ids of the direct children of each run that have not ended. */
export async function liveChildrenOf(pool: Pool, ids: readonly string[]): Promise<string[][]> {
  const { rows } = await pool.query<{ id: string; parent: string }>(
    `select e.id::uuid::text as id, e.parent_execution_id::text as parent from howdah.executions as e
     where e.parent_execution_id = any ($1::uuid[]) and e.completed_at is null order by e.id`,
    [ids],
  );
  const children = Map.groupBy(rows, ({ parent }) => parent);
  return ids.map((id) => (children.get(id) ?? []).map((row) => row.id));
}

/** The run of a turn of a session. */
export type TurnRow = {
  id: string;
  turn: number;
  message_count: number;
  step_count: number;
  has_ended: boolean;
};

/** Returns for each session the run of that turn, or of the first existing turn after it. */
export async function turnsFrom(
  pool: Pool,
  places: readonly { id: string; turn: number }[],
): Promise<(TurnRow | undefined)[]> {
  const { rows } = await pool.query<TurnRow & { place: number }>(
    `select i.place::int as place, t.* from unnest($1::uuid[], $2::int[]) with ordinality as i (id, turn, place)
     join howdah.sessions as s on s.id = i.id
     cross join lateral (
       select e.id::uuid::text as id, e.turn, ${runCounter('e', 'message_count')} as message_count,
         ${runCounter('e', 'step_count')} as step_count, e.completed_at is not null as has_ended
       from howdah.executions as e
       where e.tenant_id = s.tenant_id and e.session_id = s.id and e.parent_execution_id is null and e.turn >= i.turn
       order by e.turn limit 1
     ) as t`,
    [places.map(({ id }) => id), places.map(({ turn }) => turn)],
  );
  const found = new Map(rows.map(({ place, ...turn }) => [place, turn]));
  return places.map((_place, index) => found.get(index + 1));
}
