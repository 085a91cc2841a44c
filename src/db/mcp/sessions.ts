import type { Pool, PoolClient } from '../connection/pool.ts';
import { runCounter } from '../queries/run-counters.ts';

type Client = Pick<PoolClient, 'query'>;

/** How runs stand, in a word that differs after each step, by their ids; those that whoever asks may not see are left out. */
export async function marksOf(
  client: Client,
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

/** Marks of what is listed, each another one once its list is. */
export type ListMarks = Readonly<Record<'tools' | 'prompts' | 'resources', string>>;

/** The marks of the lists as whoever asks has them now. */
export async function listMarks(client: Client): Promise<ListMarks> {
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

/** Of a session, by its digest: the least grave log message its client wants; null when it never said. */
export async function logLevelOf(client: Client, session: string): Promise<string | null> {
  const { rows } = await client.query<{ level: string | null }>(
    'select howdah_private.mcp_log_level($1) as level',
    [session],
  );
  return rows[0]?.level ?? null;
}

export async function setLogLevel(client: Client, session: string, level: string): Promise<void> {
  await client.query('select howdah_private.set_mcp_log_level($1, $2)', [session, level]);
}

/** The session's client hears of the run of this id, or the file of this address, from this mark on. Throws `HWINV` when it hears of too many. */
export async function subscribe(
  client: Client,
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
  client: Client,
  session: string,
  resource: string,
): Promise<void> {
  await client.query('select howdah_private.unsubscribe_mcp_from($1, $2)', [session, resource]);
}

export type SessionOf = { tenantId: string; session: string };
/** Marks by the ids of runs and the addresses of files, as they were when they were asked for. */
export type Subscriptions = ReadonlyMap<string, string>;

/** What clients of these sessions want to hear of, in the same order. */
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
