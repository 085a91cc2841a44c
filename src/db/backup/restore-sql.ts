import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../package-root.ts';

// SQL before and after the contents of a backup, in the transaction that restores them.

/**
 * Returns the SQL before the contents: the roles, as the migrations create them, and our schemas.
 * Functions are given to roles that may not create functions there, so an owner that is not a
 * superuser needs these grants. `AFTER_CONTENTS` revokes them.
 */
export function beforeContents(): string {
  return `
begin;
set local client_min_messages = warning;
${roleBlocks().join('\n')}
create schema howdah authorization howdah_owner;
create schema howdah_private authorization howdah_owner;
create schema howdah_bounded authorization howdah_owner;
create schema graphile_worker authorization howdah_worker;
grant create, usage on schema howdah, howdah_private
  to howdah_engine, howdah_worker, howdah_app, howdah_eraser, howdah_tool, howdah_reader, howdah_writer;
`;
}

/**
 * Corrects, after the contents are restored, what they say about the server they come from. Its
 * workers are not here, so their runs are released as if each worker had drained.
 */
export const AFTER_CONTENTS = `
reset search_path;
set local search_path = pg_catalog, pg_temp;
set local row_security = on;
set local check_function_bodies = on;
revoke create on schema howdah, howdah_private from howdah_worker, howdah_app, howdah_tool, howdah_reader, howdah_writer;
revoke create on schema howdah from howdah_eraser; -- in howdah_private it is given functions whenever sql/ is applied
do $$
declare
  v_worker uuid;
begin
  for v_worker in select w.id from howdah_private.workers as w loop
    perform howdah_private.release_executions(v_worker, null, false);
    perform howdah_private.forget_worker(v_worker);
  end loop;
  perform graphile_worker.force_unlock_workers(array_agg(distinct j.locked_by))
  from graphile_worker.jobs as j where j.locked_by is not null having count(*) > 0;
end $$;
`;

/**
 * SQL that pauses a copy beside the original: nothing in the copy continues by itself, and nothing
 * is sent. Runs are paused as a person would pause them. Only the first database delivers news of
 * its runs.
 */
export const PAUSED = `
do $$
declare
  v_run uuid;
begin
  for v_run in
    select e.id from howdah.executions as e
    where e.status in ('queued', 'running', 'waiting') and e.parent_execution_id is null
    order by e.id
  loop
    perform howdah.pause_execution(v_run);
  end loop;
end $$;
update howdah.schedules set is_active = false where is_active;
update howdah.webhooks set is_active = false, disabled_because = 'restored with --paused' where is_active;
update howdah.alert_rules set is_active = false where is_active;
update howdah.grading_rules set is_active = false where is_active;
update howdah.webhook_deliveries
set status = 'failed', next_attempt_at = null, last_error = 'restored with --paused: the first database tells of it'
where status = 'pending';
`;

/** Returns the blocks of the migrations that create roles and their memberships, in their order. */
function roleBlocks(): string[] {
  const folder = join(PACKAGE_ROOT, 'migrations');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .flatMap((name) => {
      const [up = ''] = readFileSync(join(folder, name), 'utf8').split(/^-- Down Migration$/m);
      const blocks = up.match(/^do \$\$\n[\s\S]*?^end \$\$;$/gm) ?? [];
      return blocks.filter((block) => /create role|pg_auth_members/.test(block));
    });
}
