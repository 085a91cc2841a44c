-- Anonymises or deletes the data of a user, in one transaction. Names and figures that other users
-- need stay correct: the log has no gap, and all sums stay the same. The result lists the files
-- outside of the database. Workers delete these after the commit (delete_files.sql).
create or replace function howdah.erase_user(
  user_id uuid, mode howdah.erasure_mode default 'anonymise', cancel_live boolean default false
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user howdah.users := howdah_private.find_user(erase_user.user_id);
  v_sessions uuid[];
  v_runs uuid[];
  v_trees uuid[] := '{}';
  v_counts jsonb;
begin
  erase_user.mode := coalesce(erase_user.mode, 'anonymise');
  erase_user.cancel_live := coalesce(erase_user.cancel_live, false);
  perform howdah_private.permit(case v_user.role when 'owner' then 'owners' else 'users' end,
    'manage');
  v_runs := howdah_private.lock_user_data(v_user, erase_user.cancel_live);
  v_sessions := array(
    select s.id from howdah.sessions as s where s.tenant_id = v_user.tenant_id
      and s.user_id = v_user.id
  );
  v_counts := howdah_private.erase_user_traces(v_user, v_runs);
  if erase_user.mode = 'delete' then
    -- a run of this user below a run of another user is part of that run, and stays
    v_trees := array(
      select e.id::uuid from howdah.executions as e
      where e.id = any (v_runs) and e.root_execution_id = any (v_runs)
    );
    v_runs := array(select r.id from unnest(v_runs) as r (id) where r.id <> all (v_trees));
    v_counts := howdah_private.merge_erasure_results(v_counts, howdah_private.delete_runs(v_trees));
  end if;
  v_counts := howdah_private.merge_erasure_results(v_counts, howdah_private.erase_runs(v_runs));
  v_counts := howdah_private.merge_erasure_results(v_counts,
    howdah_private.erase_sessions(v_sessions, erase_user.mode = 'delete'));
  v_counts := howdah_private.merge_erasure_results(v_counts,
    howdah_private.delete_own_rows(v_user));
  perform howdah_private.rename_user(v_user, 'erased-' || v_user.id);
  if erase_user.mode = 'delete' then
    delete from howdah.users as u where u.id = v_user.id;
  end if;
  perform howdah_private.audit_action(v_user.tenant_id, 'erase', 'users', v_user.id::text,
    v_counts - 'files' || jsonb_build_object('mode', erase_user.mode,
      'cancel_live', erase_user.cancel_live));
  return v_counts || jsonb_build_object('user_id', v_user.id, 'mode', erase_user.mode);
end $$;
comment on function howdah.erase_user(uuid, howdah.erasure_mode, boolean) is
  'Erases the data of a user: contents become [erased], or the runs and sessions of the user are '
  'deleted. Returns the number of rows of each kind, and the files outside the database, which '
  'workers delete. Raises HWCNF while a run of the user is live, unless cancel_live is set.';
