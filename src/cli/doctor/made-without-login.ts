import type { Pool } from '../../db/connection/pool.ts';
import type { Finding } from './finding.ts';

/** The maximum number of rows that are named. */
const MOST = 20;

type Row = { kind: string; name: string };

/**
 * Finds active schedules, webhooks and inbound hooks whose last change came over HTTP without a
 * login, or with a key that was created so. They go on working where a login is required. The audit
 * log does not tell such a change from one by a token without a user.
 */
export async function madeWithoutLoginFinding(pool: Pick<Pool, 'query'>): Promise<Finding> {
  const { rows } = await pool.query<Row>(
    `with active as (
       select s.tenant_id, 'schedules' as object, s.id, 'schedule' as kind, s.name
       from howdah.schedules as s where s.is_active
       union all
       select w.tenant_id, 'webhooks', w.id, 'webhook', w.url
       from howdah.webhooks as w where w.is_active
       union all
       select h.tenant_id, 'inbound_hooks', h.id, 'inbound hook', h.name
       from howdah.inbound_hooks as h where h.is_active
     )
     select o.kind, o.name from active as o
     cross join lateral (
       select l.user_id, l.api_key_id, l.client from howdah.audit_log as l
       where l.tenant_id = o.tenant_id and l.object_id = o.id::text and l.object = o.object
       order by l.seq desc limit 1
     ) as change
     left join howdah.api_keys as k on k.id = change.api_key_id
     where k.made_without_login
       or (change.user_id is null and change.api_key_id is null and change.client !~ '^sql ')
     order by o.kind, o.name limit $1`,
    [MOST + 1],
  );
  const check = 'without login';
  if (rows.length === 0) {
    return {
      check,
      ok: true,
      found: 'a user, a key or a database login wrote each schedule and hook',
    };
  }
  const names = rows.slice(0, MOST).map(({ kind, name }) => `${kind} ${name}`);
  if (rows.length > MOST) names.push('and more');
  return {
    check,
    ok: true,
    found: `written without a user or a key of a login: ${names.join(', ')}`,
    fix: 'Look through them. Delete what you do not know, and change the others once with a login.',
  };
}
