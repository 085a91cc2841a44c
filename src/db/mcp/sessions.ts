import type { Pool, Queryable } from '../connection/pool.ts';
import { runCounter } from '../queries/run-counters.ts';

/**
 * Returns a mark of each run, by id. A mark differs after each step. Omits runs that the caller may
 * not see.
 */
export async function marksOf(
  client: Queryable,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ id: string; mark: string }>(
    `select e.id::uuid::text as id, concat_ws(' ', e.status, e.waiting_for, ${runCounter('e', 'step_count')}) as mark
     from howdah.executions as e
     where e.tenant_id = howdah.current_tenant() and e.id = any ($1)`,
    [ids],
  );
  return new Map(rows.map(({ id, mark }) => [id, mark]));
}

/** Marks of the lists. A mark changes when its list changes. */
export type ListMarks = Readonly<Record<'tools' | 'prompts' | 'resources', string>>;

/** Returns the current marks of the lists for the caller. */
export async function listMarks(client: Queryable): Promise<ListMarks> {
  const { rows } = await client.query<ListMarks>(
    `select
       (select md5(concat(howdah_private.may('executions', 'run'), string_agg(o::text, ',' order by o.tool)))
        from howdah_private.offered_tools() as o) as tools,
       (select md5(string_agg(concat_ws(',', p.name, p.description, p.variables), ',' order by p.name))
        from howdah.prompts as p
        where p.tenant_id = howdah.current_tenant() and p.deleted_at is null) as prompts,
       concat((select e.id::text from howdah.executions as e
        where e.tenant_id = howdah.current_tenant() order by e.id desc limit 1),
       (select md5(string_agg(concat_ws(',', r.id, r.uri, r.name), ',' order by r.id)) from howdah.resources as r
        where r.tenant_id = howdah.current_tenant() and r.uri is not null)) as resources`,
  );
  return rows[0] as ListMarks;
}

/**
 * Returns the lowest level of log messages that the client of a session wants. Returns null when
 * the client has not set a level. `session` is the digest of the session.
 */
export async function logLevelOf(client: Queryable, session: string): Promise<string | null> {
  const { rows } = await client.query<{ level: string | null }>(
    'select howdah_private.mcp_log_level($1) as level',
    [session],
  );
  return rows[0]?.level ?? null;
}

export async function setLogLevel(
  client: Queryable,
  session: string,
  level: string,
): Promise<void> {
  await client.query('select howdah_private.set_mcp_log_level($1, $2)', [session, level]);
}

/**
 * Subscribes the client of a session to the run with this id or the file with this address, from
 * this mark on. Throws `HWINV` for too many subscriptions.
 */
export async function subscribe(
  client: Queryable,
  session: string,
  resource: string,
  mark: string,
): Promise<void> {
  await client.query('select howdah_private.subscribe_mcp_to($1, $2, $3)', [
    session,
    resource,
    mark,
  ]);
}

export async function unsubscribe(
  client: Queryable,
  session: string,
  resource: string,
): Promise<void> {
  await client.query('select howdah_private.unsubscribe_mcp_from($1, $2)', [session, resource]);
}

export type SessionOf = { tenantId: string; session: string };
/** Marks at the time of subscription, by the ids of runs and the addresses of files. */
export type Subscriptions = ReadonlyMap<string, string>;

/** Returns the subscriptions of the clients of these sessions, in the same order. */
export async function subscriptionsOf(
  pool: Pool,
  sessions: readonly SessionOf[],
): Promise<Subscriptions[]> {
  const { rows } = await pool.query<{ place: string; subscriptions: Record<string, string> }>(
    'select * from howdah_private.mcp_subscriptions($1, $2)',
    [sessions.map(({ tenantId }) => tenantId), sessions.map(({ session }) => session)],
  );
  const found = new Map(rows.map((row) => [Number(row.place) - 1, row.subscriptions]));
  return sessions.map((_, place) => new Map(Object.entries(found.get(place) ?? {})));
}
