import type { Pool } from '../connection/pool.ts';
import { TRIGGERS } from '../triggers.generated.ts';

/** Problems that prevent new rows. */
export type AuditGaps = {
  /** Triggers that do not fire or do not exist, each with its table. */
  disarmed: string[];
  /** Settings that disable triggers in sessions: `database` or `role`, with its name. */
  triggerBypasses: string[];
  /** The number of notes that never became rows. */
  unchained: number;
};

/** Compares the existing triggers with those that a migration creates. */
export async function auditGaps(pool: Pool): Promise<AuditGaps> {
  const { rows } = await pool.query(
    `select array(
       select e.name from unnest($1::text[]) as e (name)
       where not exists (
         select from pg_trigger as t join pg_class as c on c.oid = t.tgrelid
         where format('%s.%I %I', c.relnamespace::regnamespace, c.relname, t.tgname) = e.name
           and t.tgenabled in ('O', 'A') and not t.tgisinternal
       ) order by 1
     ) as disarmed,
     array(
       select concat_ws(' ', 'database ' || d.datname, 'role ' || r.rolname)
       from pg_db_role_setting as s
       left join pg_database as d on d.oid = s.setdatabase left join pg_roles as r on r.oid = s.setrole
       where exists (select from unnest(s.setconfig) as c where c ~* '^session_replication_role=(replica|local)')
     ) as "triggerBypasses",
     (select count(*)::int from howdah_private.audit_inbox) as unchained`,
    [TRIGGERS],
  );
  return rows[0];
}
